"""What is true of every page in a browser: it can be read, heard and pressed. Each fault is a line that says of what.
(WCAG 2.2: 1.3.1, 1.4.3, 1.4.10, 2.4.1, 2.4.2, 2.5.8, 3.1.1, 3.3.2, 4.1.2.)"""

from __future__ import annotations

from playwright.sync_api import Page

WIDTHS = (1280, 390)  # a desk's screen, and a telephone's

_FAULTS = r"""() => {
  const faults = [];
  const name = (one) => `${one.tagName.toLowerCase()} ${(one.textContent || one.name || "").trim().slice(0, 30)}`;
  const isShown = (one) => one.checkVisibility({ visibilityProperty: true }) && one.getBoundingClientRect().right > 0;
  const all = (what) => [...document.querySelectorAll(what)].filter(isShown);

  if (document.documentElement.scrollWidth > innerWidth) faults.push(`${document.documentElement.scrollWidth}px wide`);
  for (const what of ["header", "main", "footer", "h1"]) {
    if (all(what).length !== 1) faults.push(`${all(what).length} of ${what}`);
  }
  if (!document.documentElement.lang || !document.title.trim()) faults.push("no language, or no title");
  const levels = all("h1, h2, h3").map((one) => Number(one.tagName[1]));
  for (const [at, level] of levels.entries()) {
    if (at && level > levels[at - 1] + 1) faults.push(`h${level} after h${levels[at - 1]}`);
  }
  for (const one of all("input:not([type=hidden])")) if (!one.labels.length) faults.push(`no label: ${one.name}`);
  for (const one of all("a, button, summary")) {
    const inline = one.matches("a:not(.button)") && one.closest("p, li");
    if (!one.textContent.trim() && !one.querySelector("img[alt]")) faults.push(`no name: ${one.outerHTML}`);
    else if (!inline && one.getBoundingClientRect().height < 24) faults.push(`too small: ${name(one)}`);
  }
  for (const one of all("img")) if (!one.alt) faults.push(`no alt: ${one.src}`);
  const ids = [...document.querySelectorAll("[id]")].map((one) => one.id);
  if (new Set(ids).size !== ids.length) faults.push("an id twice");
  for (const what of ["aria-controls", "aria-labelledby", "aria-describedby"]) {
    for (const one of document.querySelectorAll(`[${what}]`)) {
      if (!ids.includes(one.getAttribute(what))) faults.push(`no such id: ${one.getAttribute(what)}`);
    }
  }

  // contrast, of each element that has text of its own
  const read = (colour) => (colour.match(/[\d.]+/g) ?? []).map(Number);
  const luminance = ([r, g, b]) => [r, g, b]
    .map((part) => part / 255)
    .map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4))
    .reduce((sum, part, at) => sum + part * [0.2126, 0.7152, 0.0722][at], 0);
  const behind = (one) => {
    for (let at = one; at; at = at.parentElement) {
      const colour = read(getComputedStyle(at).backgroundColor);
      if (colour.length === 3 || colour[3] > 0) return colour;
    }
    return [255, 255, 255];
  };
  for (const one of all("body *")) {
    const hasText = [...one.childNodes].some((node) => node.nodeType === Node.TEXT_NODE && node.data.trim());
    if (!hasText) continue;
    const [light, dark] = [luminance(read(getComputedStyle(one).color)), luminance(behind(one))].sort((a, b) => b - a);
    const contrast = (light + 0.05) / (dark + 0.05);
    if (contrast < 4.5) faults.push(`contrast ${contrast.toFixed(1)}: ${name(one)}`);
  }
  const filled = all("main button, main .button").filter((one) => !one.matches(".second, .quiet, .keypad *"));
  if (filled.length > 1) faults.push(`${filled.length} filled buttons`);
  return faults;
}"""


def faults(page: Page) -> list[str]:
    """At both widths; the page is left as wide as a desk's."""
    found = []
    for width in reversed(WIDTHS):
        page.set_viewport_size({"width": width, "height": 800})
        found += [f"{width}: {one}" for one in page.evaluate(_FAULTS)]
    return found
