// Between the bank's page and worker.js. The browser runs it on the banks' own pages alone (manifest.json), and in the
// top frame alone. docs/handover.md has the protocol.
"use strict";

const PROTOCOL = 1;
const ACTS = ["hello", "begin", "progress"];
const ID = /^[A-Za-z0-9_-]{1,64}$/;
const TICKET = /^[A-Za-z0-9_.-]{1,4096}$/;

/**
 * @typedef {{do: string, ticket?: string}} Asked
 * @typedef {{version?: string, state?: string, step?: number, code?: string, error?: string}} Told
 */

/**
 * What the page asks, and nothing of it that is not known here; null where it asks nothing that we have.
 * @param {any} data
 * @returns {Asked | null}
 */
function read(data) {
  if (data.do === "hello") return { do: "hello" };
  const isTicket = typeof data.ticket === "string" && TICKET.test(data.ticket);
  return ACTS.includes(data.do) && isTicket ? { do: data.do, ticket: data.ticket } : null;
}

/**
 * @param {Asked} asked
 * @returns {Promise<Told>}
 */
async function ask(asked) {
  try {
    return (await chrome.runtime.sendMessage(asked)) ?? { error: "unavailable" };
  } catch {
    return { error: "unavailable" }; // this script outlives an extension that has been updated or removed
  }
}

/** @param {MessageEvent} event */
async function onMessage(event) {
  // A frame inside the page, another window, or a page that was here before has another source or origin.
  if (event.source !== window || event.origin !== location.origin || window !== window.top) return;
  const data = event.data;
  if (typeof data !== "object" || data === null || data.tokenmgr !== PROTOCOL) return;
  // Our own answers come by here too: they ask for nothing.
  if (!("do" in data) || typeof data.id !== "string" || !ID.test(data.id)) return;
  const asked = read(data);
  const told = asked === null ? { error: "malformed" } : await ask(asked);
  const answer = told.error === undefined ? { answer: told } : { error: told.error };
  window.postMessage({ tokenmgr: PROTOCOL, id: data.id, ...answer }, location.origin);
}

window.addEventListener("message", onMessage);
