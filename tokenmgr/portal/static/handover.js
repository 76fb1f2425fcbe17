// From the page to the program on this computer (docs/handover.md): by the extension where one answers, else by an address
// that the browser opens. How far it is, our own server is asked; whatever has ended, the server's page tells.
"use strict";

(() => {
  const form = document.querySelector("[data-handover]");
  const course = document.querySelector('[data-part="course"]');
  if (form === null || course === null) return;
  const part = (name) => document.querySelector(`[data-part="${name}"]`);
  const PATIENCE = { hello: 2000, begin: 10000 }; // milliseconds
  const EVERY = 2000, LONGEST = 30 * 60 * 1000; // between two looks; after which nobody looks any more by itself
  const UNDER_WAY = ["waiting", "open", "working"];
  const pause = (milliseconds) => new Promise((go) => setTimeout(go, milliseconds));

  /** Of the extension; undefined where nobody answers. */
  function ask(message) {
    const id = crypto.randomUUID();
    const answered = new Promise((told) => {
      addEventListener("message", function hear({ source, origin, data }) {
        if (source !== window || origin !== location.origin) return;
        if (data?.tokenmgr !== 1 || data.id !== id || "do" in data) return;
        removeEventListener("message", hear);
        told(data.answer);
      });
    });
    postMessage({ tokenmgr: 1, id, ...message }, location.origin);
    return Promise.race([answered, pause(PATIENCE[message.do])]);
  }

  /** Only what has changed is changed: a screen reader says it anew each time. */
  function show(state, step = 0) {
    course.hidden = false;
    part("start").hidden = true;
    for (const one of course.querySelectorAll("[data-state]")) {
      if (one.hidden === (one.dataset.state === state)) one.hidden = !one.hidden;
    }
    if (state === "silent") return;
    part("opening").hidden = state !== "waiting";
    part("steps").hidden = state !== "working";
    for (const [at, line] of [...part("steps").children].entries()) {
      line.classList.toggle("done", at + 1 < step);
      if (at + 1 === step) line.setAttribute("aria-current", "step");
      else line.removeAttribute("aria-current");
    }
  }

  async function follow(path, page) {
    const until = performance.now() + LONGEST;
    for (let wait = EVERY; performance.now() < until; await pause(wait)) {
      try {
        const answer = await fetch(path, { cache: "no-store", headers: { accept: "application/json" } });
        if (answer.status >= 500) throw new Error("busy");
        if (!answer.ok) break; // not ours any more: the page says what is to be done
        const { state, step } = await answer.json();
        if (!UNDER_WAY.includes(state)) break;
        show(state, step);
        wait = EVERY;
      } catch {
        show("silent"); // no network: what goes on in the program goes on
        wait = Math.min(wait * 2, 30000);
      }
    }
    location.replace(page);
  }

  async function begin(event) {
    event.preventDefault();
    const button = form.querySelector("button");
    button.disabled = true;
    const fields = new URLSearchParams(new FormData(form));
    fields.append("script", "1");
    let told;
    try {
      const answer = await fetch(form.action, { method: "POST", body: fields, redirect: "error" });
      told = await answer.json();
    } catch {
      form.submit(); // whatever the server has to say, it says as a page
      return;
    }
    const byHand = part("address").querySelector("a");
    byHand.href = told.address;
    history.replaceState(null, "", told.page); // a reload goes on where this is
    show("waiting");
    course.querySelector("h2").tabIndex = -1;
    course.querySelector("h2").focus();
    const taken = (await isHere) && (await ask({ do: "begin", ticket: told.ticket }));
    if (!taken) {
      part("address").hidden = false;
      location.assign(told.address);
    }
    follow(told.ask, told.page);
  }

  form.addEventListener("submit", begin);
  const isHere = course.hidden ? prepare() : ask({ do: "hello" });
  if (!course.hidden) follow(course.dataset.ask, course.dataset.page);

  /** 更新前処理: whether the program is here, and knows this site. */
  async function prepare() {
    const [preparing, start] = [part("preparing"), part("start")];
    const wasHidden = start.hidden;
    if (preparing !== null) [preparing.hidden, start.hidden] = [false, true];
    const told = await ask({ do: "hello" });
    if (preparing !== null) [preparing.hidden, start.hidden] = [true, wasHidden];
    return told !== undefined;
  }
})();
