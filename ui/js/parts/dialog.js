// The browser's own dialog: it keeps the focus inside and gives it back to whoever opened it.

import { useEffect, useRef } from "../../vendor/hooks.js";
import { html } from "./html.js";

/** @param {{title: string, onClose: () => void, children: any, className?: string}} props */
export function Dialog({ title, onClose, children, className = "" }) {
  const ref = useRef(/** @type {HTMLDialogElement | null} */ (null));
  const opener = useRef(/** @type {Element | null} */ (null));
  useEffect(() => {
    opener.current = document.activeElement;
    ref.current?.showModal();
    return () => {
      const back = opener.current;
      if (back instanceof HTMLElement && back.isConnected) back.focus();
    };
  }, []);
  return html`<dialog ref=${ref} class=${className} aria-labelledby="dialog-title" onClose=${onClose}
      onCancel=${(/** @type {Event} */ event) => { event.preventDefault(); onClose(); }}>
    <header><h2 id="dialog-title">${title}</h2>
      <button type="button" class="small" onClick=${onClose}>Close</button></header>
    ${children}
  </dialog>`;
}
