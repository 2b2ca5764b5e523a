// Single keys. Never while somebody types, never with a modifier, and not at all once they are switched off.

const TYPING = "input, textarea, select, dialog, [contenteditable]";

/**
 * @param {{go: (address: string) => void, find: () => void, help: () => void, pause: () => void}} does
 * @param {() => boolean} listening
 */
export function listen(does, listening) {
  let before = "";
  /** @param {KeyboardEvent} event */
  function pressed(event) {
    const busy = event.target instanceof Element && event.target.closest(TYPING);
    if (!listening() || busy || event.ctrlKey || event.metaKey || event.altKey) return;
    const sequence = before === "g" ? `g ${event.key}` : event.key;
    before = event.key;
    const act = { "/": does.find, "?": does.help, p: does.pause, "g a": () => does.go("/ui/"), "g d": () => does.go("/ui/docs"),
      j: () => step(1), k: () => step(-1) }[sequence];
    if (!act) return;
    event.preventDefault();
    act();
  }
  window.addEventListener("keydown", pressed);
  return () => window.removeEventListener("keydown", pressed);
}

/** The focus, one row on. @param {number} by */
function step(by) {
  const links = [...document.querySelectorAll(".row-link")];
  const at = links.indexOf(/** @type {Element} */ (document.activeElement));
  const next = links[at < 0 ? 0 : Math.min(links.length - 1, Math.max(0, at + by))];
  if (next instanceof HTMLElement) next.focus();
}
