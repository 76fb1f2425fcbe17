// The clock of a certificate's last 24 hours (R2). It goes by what the server says is left, and by how long ago it said
// so: the time of day on this computer may be wrong, and is not asked.
"use strict";

(() => {
  const shown = document.querySelector("[data-left]");
  if (shown === null) return;
  const ended = document.querySelector("[data-ended]");
  const [{ responseStart = 0 } = {}] = performance.getEntriesByType("navigation"); // when the server had said it
  const left = Number(shown.dataset.left);

  /** A second that has begun counts: at nought it is the last one, and not over. */
  const tell = () => {
    const seconds = Math.ceil((left - (performance.now() - responseStart)) / 1000);
    if (seconds < 0) {
      shown.hidden = true;
      ended.hidden = false;
      clearInterval(running);
      return;
    }
    const facts = { h: Math.floor(seconds / 3600), m: Math.floor(seconds / 60) % 60, s: seconds % 60 };
    shown.textContent = shown.dataset.text.replace(/\{([hms])\}/g, (_, name) => facts[name]);
  };

  // A computer that has slept is asked by nobody how long: the page is asked for anew.
  const apart = Date.now() - performance.now();
  const look = () => {
    if (Math.abs(Date.now() - performance.now() - apart) > 5000 && ended.hidden) location.reload();
    else tell();
  };
  const running = setInterval(look, 200);
  tell();
})();
