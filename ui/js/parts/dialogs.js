// Find, help, the calls behind the page, and what stands between a person and an action.

import { useState } from "../../vendor/hooks.js";
import { Dialog } from "./dialog.js";
import { html } from "./html.js";
import { Copy } from "./states.js";

/** @param {{find: (text: string) => string | null, go: (address: string) => void, onClose: () => void}} props */
export function Find({ find, go, onClose }) {
  const [text, setText] = useState("");
  const to = find(text);
  return html`<${Dialog} title="Find" onClose=${onClose}>
    <form method="dialog" onSubmit=${(/** @type {Event} */ event) => {
      event.preventDefault();
      if (!text.trim()) return;
      onClose();
      go(to ?? `/ui/?q=${encodeURIComponent(text.trim().toLowerCase())}&all=true`);
    }}>
      <p class="field"><label for="find">An id, or the beginning of a name</label>
        <input id="find" value=${text} maxlength="128" autocomplete="off" spellcheck=${false}
          onInput=${(/** @type {any} */ event) => setText(event.target.value)} /></p>
      <p class="hint" aria-live="polite">${text.trim() ? (to ? `Opens ${to}` : "Looks for environments whose name begins so") : " "}</p>
      <div class="actions"><button type="submit" class="primary">Go</button></div>
    </form><//>`;
}

const KEYS = [
  ["/", "find"], ["j, k", "next and previous row"], ["Enter", "open the row"], ["g a", "attention"], ["g d", "guide"],
  ["p", "pause and go on"], ["?", "this help"],
];

/** @param {{keys: boolean, setKeys: (on: boolean) => void, theme: string, setTheme: (theme: string) => void, onClose: () => void}} props */
export function Help({ keys, setKeys, theme, setTheme, onClose }) {
  return html`<${Dialog} title="Help and settings" onClose=${onClose}>
    <p><a href="/ui/docs" onClick=${onClose}>The operators' guide</a> tells what the words mean and what to do about each error.</p>
    <table><caption>Keys</caption><tbody>${KEYS.map(([key, what]) => html`<tr key=${key}><th scope="row"><kbd>${key}</kbd></th><td>${what}</td></tr>`)}</tbody></table>
    <p><label><input type="checkbox" checked=${keys} onChange=${(/** @type {any} */ event) => setKeys(event.target.checked)} /> Single keys do something</label></p>
    <p><label>Theme <select value=${theme} onChange=${(/** @type {any} */ event) => setTheme(event.target.value)}>
      <option value="system">as the system</option><option value="light">light</option><option value="dark">dark</option></select></label></p><//>`;
}

/** @param {{calls: any[], origin: string, onClose: () => void}} props */
export function Calls({ calls, origin, onClose }) {
  const recent = [...new Map(calls.map((call) => [`${call.method} ${call.url}`, call])).values()].reverse().slice(0, 12);
  return html`<${Dialog} title="Calls behind this page" onClose=${onClose} className="wide">
    <p>Newest first, with your own token in <code>$TOKEN</code>.</p>
    ${recent.length === 0 ? html`<p class="empty">None yet.</p>` : html`<ul class="calls">${recent.map((call) => html`<li key=${call.method + call.url}>
      <${Copy} text=${`curl -sS ${call.method === "GET" ? "" : `-X ${call.method} `}'${origin}${call.url}' -H "Authorization: Bearer $TOKEN"`} />
      <span class="faint">${call.status}</span></li>`)}</ul>`}<//>`;
}

/** @param {{title: string, enable: () => void, onClose: () => void}} props */
export function ActionsOff({ title, enable, onClose }) {
  return html`<${Dialog} title=${title} onClose=${onClose}>
    <p>You are looking, and a look changes nothing. To act, allow this page to for 15 minutes: it asks the issuer for the
      permission and comes back here.</p>
    <div class="actions"><button type="button" onClick=${onClose}>Not now</button>
      <button type="button" class="primary" onClick=${enable}>Enable actions</button></div><//>`;
}

/** @param {{title: string, scope: string, onClose: () => void}} props */
export function NotAllowed({ title, scope, onClose }) {
  return html`<${Dialog} title=${title} onClose=${onClose}>
    <p>You may not do this: the issuer did not grant you <code>${scope}</code>. Ask whoever gives permissions for it.</p>
    <div class="actions"><button type="button" class="primary" onClick=${onClose}>Close</button></div><//>`;
}
