// ソフトウェアキーボード (R9): a keyboard on the screen, which nothing that listens to the real one hears; in another order each
// time where that is wanted. One Tab stop: the arrows go from key to key.
"use strict";

(() => {
  const LINES = ["1234567890", "qwertyuiop", "asdfghjkl", "zxcvbnm"];
  const MARKS = ["!\"#$%&'()*", "+,-./:;<=>", "?@[\\]^_`{|", "}~"]; // all that ASCII has

  function shuffled(characters) {
    const found = [...characters];
    for (let last = found.length - 1; last > 0; last -= 1) {
      // 256 is no multiple of most numbers: whatever is above the last one is drawn anew
      const most = 256 - (256 % (last + 1));
      let drawn;
      do [drawn] = crypto.getRandomValues(new Uint8Array(1));
      while (drawn >= most);
      const at = drawn % (last + 1);
      [found[last], found[at]] = [found[at], found[last]];
    }
    return found;
  }

  function button(text, press) {
    const made = document.createElement("button");
    made.type = "button";
    made.textContent = text;
    made.addEventListener("click", press);
    return made;
  }

  function keypad(pad) {
    const field = document.getElementById(pad.dataset.for);
    const [toggle, group] = [pad.querySelector("[aria-controls]"), pad.querySelector("[role=group]")];
    const [keys, below] = [pad.querySelector(".keys"), pad.querySelector(".below")];
    const [shuffle, count] = [pad.querySelector("[data-shuffle]"), pad.querySelector("[data-count]")];
    let isCapital = false;

    const tell = () => {
      count.textContent = count.dataset.count.replace("{n}", field.value.length);
    };
    const write = (value) => {
      field.value = value;
      field.dispatchEvent(new Event("input", { bubbles: true }));
      tell();
    };

    function lay() {
      const lines = [...LINES.map((line) => (isCapital ? line.toUpperCase() : line)), ...(marks() ? MARKS : [])];
      const order = shuffle.checked ? lines.map(shuffled) : lines.map((line) => [...line]);
      keys.replaceChildren(
        ...order.map((line) => {
          const made = document.createElement("div");
          made.className = "line";
          made.append(...line.map((one) => button(one, () => write(field.value + one))));
          return made;
        }),
      );
      for (const one of all().slice(1)) one.tabIndex = -1;
    }

    const all = () => [...keys.querySelectorAll("button")];
    const pressed = (one) => one.getAttribute("aria-pressed") === "true";
    const held = (name, change) => {
      const made = button(pad.dataset[name], () => {
        made.setAttribute("aria-pressed", String(!pressed(made)));
        change?.(pressed(made));
        lay();
      });
      made.setAttribute("aria-pressed", "false");
      return made;
    };
    const more = held("marks");
    const marks = () => pressed(more);
    below.append(
      held("capital", (is) => (isCapital = is)),
      more,
      button(pad.dataset.erase, () => write([...field.value].slice(0, -1).join(""))),
      button(pad.dataset.clear, () => write("")),
    );

    keys.addEventListener("keydown", (event) => {
      const every = all();
      const at = every.indexOf(event.target);
      const wide = getComputedStyle(event.target.parentElement).gridTemplateColumns.split(" ").length;
      const to = { ArrowRight: at + 1, ArrowLeft: at - 1, ArrowDown: at + wide, ArrowUp: at - wide }[event.key];
      if (to === undefined) return;
      event.preventDefault();
      const next = every[Math.max(0, Math.min(every.length - 1, to))];
      every[at].tabIndex = -1;
      next.tabIndex = 0;
      next.focus();
    });
    shuffle.addEventListener("change", lay);
    field.addEventListener("input", tell);
    toggle.addEventListener("click", () => {
      group.hidden = !group.hidden;
      toggle.setAttribute("aria-expanded", String(!group.hidden));
      lay(); // in a new order each time that it is opened
      tell();
    });
    pad.hidden = false;
  }

  for (const pad of document.querySelectorAll(".keypad")) keypad(pad);
})();
