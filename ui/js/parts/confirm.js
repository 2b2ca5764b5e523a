// A change, in two steps: what would happen, every obstacle and every effect, and only then the button that does it.
//
// The idempotency key is made when the drawer opens: pressing twice is one change. What is confirmed is exactly what was
// rehearsed: another reason, another rehearsal.

import { useEffect, useMemo, useRef, useState } from "../../vendor/hooks.js";
import { Dialog } from "./dialog.js";
import { html } from "./html.js";
import { Trouble } from "./states.js";
import { Shape } from "./status.js";

/**
 * @typedef {{name: string, label: string, kind?: "text" | "datetime" | "flag" | "lines", required?: boolean, must?: string, hint?: string, initial?: string}} Field
 * @typedef {{title: string, verb: string, method?: string, path: string, fields: Field[], prod?: boolean, note?: string,
 *   body?: (values: Record<string, any>) => any}} Change
 */

/** The values as the API takes them: empty texts are left out, instants are UTC. @param {Field[]} fields @param {Record<string, any>} values */
export function bodyOf(fields, values) {
  const body = /** @type {Record<string, any>} */ ({});
  for (const { name, kind } of fields) {
    const value = values[name];
    if (value === undefined || value === "" || value === false) continue;
    body[name] = kind === "datetime" ? `${value}:00Z` : value;
  }
  return body;
}

/** @param {Field[]} fields @param {Record<string, any>} values */
export function isComplete(fields, values) {
  return fields.every(({ name, required, must }) => (must === undefined || values[name] === must) && (!required || Boolean(values[name])));
}

/**
 * @param {{change: Change, send: (method: string, path: string, body: any, how: {dryRun?: boolean, key?: string}) => Promise<any>,
 *   onDone: (answer: any) => void, onClose: () => void, follow: (operationId: string) => any}} props
 */
export function Confirm({ change, send, onDone, onClose, follow }) {
  const method = change.method ?? "POST";
  const key = useMemo(() => crypto.randomUUID(), []);
  const [values, setValues] = useState(() => /** @type {Record<string, any>} */ (Object.fromEntries(change.fields.map((field) => [field.name, field.initial]))));
  const [rehearsed, setRehearsed] = useState(/** @type {{of: string, answer?: any, error?: any} | null} */ (null));
  const [done, setDone] = useState(/** @type {any} */ (null));
  const [busy, setBusy] = useState(false);
  const newest = useRef("");
  const body = (change.body ?? ((given) => bodyOf(change.fields, given)))(values);
  const text = JSON.stringify(body);
  const complete = isComplete(change.fields, values);

  async function rehearse() {
    newest.current = text;
    setBusy(true);
    try {
      const answer = (await send(method, change.path, body, { dryRun: true })).data;
      if (newest.current === text) setRehearsed({ of: text, answer });
    } catch (error) {
      if (newest.current === text) setRehearsed({ of: text, error });
    }
    setBusy(false);
  }

  async function confirm() {
    setBusy(true);
    try {
      const answer = await send(method, change.path, body, { key });
      setDone(answer);
      onDone(answer);
    } catch (error) {
      setRehearsed({ of: text, error });
    }
    setBusy(false);
  }

  useEffect(() => {
    if (complete) rehearse();
  }, []);

  const current = rehearsed?.of === text ? rehearsed : null;
  const allowed = complete && current?.answer?.allowed === true;
  return html`<${Dialog} title=${change.title} onClose=${onClose} className="drawer">
    ${done ? html`<${Done} answer=${done} follow=${follow} onClose=${onClose} />` : html`
      <form method="dialog" onSubmit=${(/** @type {Event} */ event) => { event.preventDefault(); if (allowed && !busy) confirm(); else if (complete && !busy) rehearse(); }}>
        ${change.note && html`<p>${change.note}</p>`}
        ${change.prod && html`<p class="banner look-attention"><${Shape} look="attention" />
          <span>This is production: the policy is asked, and its decision is kept with the operation.</span></p>`}
        ${change.fields.map((field) => html`<${Input} key=${field.name} field=${field} value=${values[field.name]}
          onInput=${(/** @type {any} */ value) => setValues({ ...values, [field.name]: value })}
          onChange=${() => complete && rehearse()} />`)}
        <${Rehearsal} rehearsed=${current} busy=${busy} complete=${complete} />
        <div class="actions">
          <button type="button" onClick=${rehearse} disabled=${!complete || busy}>Check again</button>
          <button type="submit" class="primary" disabled=${!allowed || busy}>${change.verb}</button>
        </div>
      </form>`}
  </${Dialog}>`;
}

/** @param {any} props */
function Input({ field, value, onInput, onChange }) {
  const id = `field-${field.name}`;
  const hint = field.hint ?? (field.must && `Type ${field.must} to go on.`);
  const common = { id, name: field.name, required: field.required, "aria-describedby": hint ? `${id}-hint` : undefined };
  if (field.kind === "flag") {
    return html`<p class="field"><label><input ...${common} type="checkbox" checked=${Boolean(value)}
      onChange=${(/** @type {any} */ event) => onInput(event.target.checked)} /> ${field.label}</label></p>`;
  }
  const input = { ...common, value: value ?? "", onInput: (/** @type {any} */ event) => onInput(event.target.value), onChange };
  return html`<p class="field"><label for=${id}>${field.label}${field.required ? "" : html` <span class="faint">(optional)</span>`}</label>
    ${field.kind === "lines" ? html`<textarea ...${input} rows="6" spellcheck=${false}></textarea>`
      : html`<input ...${input} type=${field.kind === "datetime" ? "datetime-local" : "text"} autocomplete="off" maxlength="512" />`}
    ${hint && html`<span class="hint" id="${id}-hint">${hint}</span>`}</p>`;
}

/** @param {any} props */
function Rehearsal({ rehearsed, busy, complete }) {
  return html`<section class="rehearsal" aria-live="polite" aria-busy=${busy}>
    <h3>What would happen</h3>
    ${!complete && html`<p class="faint">Fill in what is asked for; then it is tried without doing anything.</p>`}
    ${complete && !rehearsed && html`<p class="faint">${busy ? "Trying it without doing anything …" : "Not tried yet."}</p>`}
    ${rehearsed?.error && html`<${Trouble} error=${rehearsed.error} />`}
    ${rehearsed?.answer && html`
      ${rehearsed.answer.obstacles.length > 0 && html`<p>It cannot be done now:</p>
        <ul class="obstacles">${rehearsed.answer.obstacles.map((/** @type {any} */ one) => html`<li key=${one.code + one.message}>
          <span class="status look-bad"><${Shape} look="bad" />${one.code}</span> ${one.message}
          ${one.errors && html`<ul>${Object.entries(one.errors).map(([field, texts]) => html`<li key=${field}>
            <label for="field-${field}"><code>${field || "request"}</code></label>: ${[texts].flat().join("; ")}</li>`)}</ul>`}
          ${one.operationId && html` <a href="/ui/o/${one.operationId}">see it</a>`}</li>`)}</ul>`}
      ${rehearsed.answer.effects.length > 0 && html`<ul class="effects">${rehearsed.answer.effects.map((/** @type {any} */ one) =>
        html`<li key=${one.action + one.resource}><strong>${one.action}</strong> <code>${one.resource}</code> ${one.detail ?? ""}</li>`)}</ul>`}
      ${rehearsed.answer.allowed && rehearsed.answer.effects.length === 0 && html`<p>Nothing would change.</p>`}`}
  </section>`;
}

/** @param {any} props */
function Done({ answer, follow, onClose }) {
  return html`<div role="status">
    <p><span class="status look-ok"><${Shape} look="ok" />${answer.status === 202 ? "Accepted" : "Done"}</span></p>
    ${answer.operation && follow(answer.operation)}
    <div class="actions"><button type="button" class="primary" onClick=${onClose}>Close</button></div>
  </div>`;
}
