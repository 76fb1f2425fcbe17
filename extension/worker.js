// Between content.js and the program on this computer: one message there, one back, and the program has ended.
"use strict";

const HOST = "jp.tokenmgr.desk"; // of the manifest that `tokenmgr desk install` puts where the browser looks
const MOST = 4; // programs at a time, whatever pages ask
const TOLD = ["version", "state", "step", "code", "error"]; // and nothing else of an answer

let running = 0;

/**
 * @typedef {{do: string, ticket?: string}} Asked
 * @typedef {{version?: string, state?: string, step?: number, code?: string, error?: string}} Told
 */

/**
 * Where the page is from is the browser's word, and never the page's.
 * @param {Asked} asked
 * @param {string} origin
 * @returns {Promise<Told>}
 */
async function ask(asked, origin) {
  if (running >= MOST) return { error: "busy" };
  running += 1;
  try {
    const told = await chrome.runtime.sendNativeMessage(HOST, { ...asked, origin });
    return Object.fromEntries(TOLD.filter((name) => name in told).map((name) => [name, told[name]]));
  } catch {
    return { error: "unavailable" }; // not installed, or it has ended without an answer
  } finally {
    running -= 1;
  }
}

/**
 * @param {Asked} message of content.js, which has read it
 * @param {chrome.runtime.MessageSender} sender
 * @param {(told: Told) => void} answer
 * @returns {boolean} whether the answer is still to come
 */
function onMessage(message, sender, answer) {
  const { origin } = sender;
  if (sender.id !== chrome.runtime.id || sender.frameId !== 0 || !origin?.startsWith("https://")) {
    answer({ error: "refused" });
    return false;
  }
  const ticket = message.ticket === undefined ? {} : { ticket: message.ticket };
  ask({ do: message.do, ...ticket }, origin).then(answer);
  return true;
}

chrome.runtime.onMessage.addListener(onMessage);
