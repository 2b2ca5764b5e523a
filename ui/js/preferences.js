// What a person prefers, kept on this machine. Nothing secret, and nothing of any tenant's.

const THEME = "runtime-page-theme";
const KEYS = "runtime-page-keys";

export function theme() {
  const kept = localStorage.getItem(THEME);
  return kept === "light" || kept === "dark" ? kept : "system";
}

/** @param {string} value */
export function setTheme(value) {
  localStorage.setItem(THEME, value);
  apply();
}

export function apply() {
  document.documentElement.dataset.theme = theme();
}

/** Whether single keys do something (WCAG 2.1.4: they can be switched off). */
export function keys() {
  return localStorage.getItem(KEYS) !== "off";
}

/** @param {boolean} on */
export function setKeys(on) {
  localStorage.setItem(KEYS, on ? "on" : "off");
}
