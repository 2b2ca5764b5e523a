// What a screen says while it has nothing to show: loading, empty and why, refused and what to do, old.

import { useEffect, useState } from "../../vendor/hooks.js";
import { Shape } from "./status.js";
import { Countdown, When } from "./when.js";
import { html } from "./html.js";

const GRACE = 200; // milliseconds: what comes sooner needs no skeleton

/** @param {{what: string}} props */
export function Loading({ what }) {
  const [shown, show] = useState(false);
  useEffect(() => {
    const timer = setTimeout(() => show(true), GRACE);
    return () => clearTimeout(timer);
  }, []);
  if (!shown) return html`<div class="loading" aria-busy="true"></div>`;
  return html`<div class="loading" aria-busy="true"><p>Loading ${what} …</p>
    <div class="bone"></div><div class="bone"></div><div class="bone short"></div></div>`;
}

/** @param {{children: any}} props */
export function Empty({ children }) {
  return html`<p class="empty">${children}</p>`;
}

/** A problem document: what, why, what to do, and the id to report. @param {{error: any, retry?: () => void}} props */
export function Trouble({ error, retry }) {
  const { document: said = {}, code, status } = error;
  const detail = status === 404 ? "It is unknown, or another tenant's." : said.detail;
  return html`<section class="trouble" role="alert">
    <h2><span class="status look-bad"><${Shape} look="bad" />${said.title ?? error.message}</span></h2>
    ${detail && html`<p>${detail}</p>`}
    ${said.errors && html`<ul>${Object.entries(said.errors).map(([field, texts]) =>
      html`<li key=${field}><code>${field || "request"}</code>: ${[texts].flat().join("; ")}</li>`)}</ul>`}
    <p class="faint">
      ${status ? html`${status} <a href="/ui/docs/errors#${code.toLowerCase()}">${code}: what to do</a>` : code}
      ${said.traceId && html` · <${Copy} text=${said.traceId} />`}
      ${error.retryAfter && html` · again in <${Countdown} until=${Date.now() + error.retryAfter * 1000} />`}
    </p>
    ${retry && html`<button type="button" onClick=${retry}>Try again</button>`}
  </section>`;
}

/** @param {{text: string, shown?: string}} props `shown`: instead of the whole, where room is short */
export function Copy({ text, shown = text }) {
  const [done, set] = useState(false);
  const copy = () => navigator.clipboard?.writeText(text).then(() => set(true), () => set(false));
  return html`<span class="copy"><code>${shown}</code>
    <button type="button" class="small" onClick=${copy} aria-label="Copy ${text}">${done ? "copied" : "copy"}</button></span>`;
}

/** Shown above what could not be renewed: old data is marked, never emptied. @param {{view: any}} props */
export function Old({ view }) {
  if (!view.error || view.data === null || view.failures < 2) return null;
  return html`<div class="banner look-unknown" role="status"><${Shape} look="unknown" />
    <span>Old: last seen <${When} at=${view.asOf} local />. ${view.error.message}.</span></div>`;
}

/** One resource's view: loading, refused, or what `children` make of it. @param {{view: any, what: string, retry: () => void, children: (data: any) => any}} props */
export function Shown({ view, what, retry, children }) {
  if (view.data === null) return view.error ? html`<${Trouble} error=${view.error} retry=${retry} />` : html`<${Loading} what=${what} />`;
  return html`<div class=${view.failures >= 2 ? "is-old" : ""}><${Old} view=${view} />${children(view.data)}</div>`;
}
