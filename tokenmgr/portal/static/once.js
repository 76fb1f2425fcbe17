// A form that is sent once, however often its button is pressed: the same wrong PIN twice would cost two tries (R11).
"use strict";

for (const form of document.querySelectorAll("[data-once]")) {
  let isSent = false;
  form.addEventListener("submit", (event) => {
    if (isSent) event.preventDefault();
    isSent = true;
  });
  addEventListener("pageshow", () => {
    isSent = false; // come back to, by Back
  });
}
