// このウィンドウを閉じる: a browser lets a page close only what a page has opened. Of the others it is said how.
"use strict";

(() => {
  const close = document.querySelector("[data-close]");
  if (close === null) return;
  close.hidden = false;
  close.addEventListener("click", () => {
    window.close();
    document.querySelector("[data-closed]").hidden = false;
  });
})();
