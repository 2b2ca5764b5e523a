// S5: what happened here, in order, by whom, and why? Older pages by a button.

import { html } from "../parts/html.js";
import { Rows } from "../parts/rows.js";
import { Copy, Empty, Shown, Trouble } from "../parts/states.js";
import { When } from "../parts/when.js";
import { addressOf, short } from "../ids.js";
import { withQuery } from "../router.js";
import { read } from "../routes.js";
import { usePages, useWatch } from "../use.js";

const EVERY = 30; // seconds

/** @typedef {import("../../types/routes").Schemas["TimelineEntry"]} Entry */

const KINDS = ["environment", "deployment", "operation", "configuration", "secret-binding", "scaling", "drift", "health"];

/** @param {{ctx: any, place: import("../router.js").Place}} props */
export function Timeline({ ctx, place }) {
  const id = place.params.environment;
  const kind = place.query.get("kind") ?? "";
  const pages = usePages(read("/environments/{environmentId}/timeline", { environmentId: id }, { limit: 50, kind }), "entries", { every: EVERY });
  const name = useWatch(read("/environments/{environmentId}", { environmentId: id })).data?.name ?? "this environment";
  const wanted = place.query.get("entry");
  ctx.useAsOf(pages.first);
  ctx.useTitle(`Timeline of ${name}`);
  const set = (/** @type {any} */ event) => ctx.go(withQuery(place, { kind: event.target.value }), { keepFocus: true });
  return html`<h1 tabindex="-1">Timeline of ${name}</h1>
    <p><a href="/ui/e/${id}">Back to the environment</a></p>
    <form class="filters" aria-label="Filter the timeline" onSubmit=${(/** @type {Event} */ event) => event.preventDefault()}>
      <label>Kind <select value=${kind} onChange=${set}><option value="">all</option>
        ${(KINDS.includes(kind) || !kind ? KINDS : [kind, ...KINDS]).map((one) => html`<option key=${one} value=${one}>${one}</option>`)}</select></label></form>
    <${Shown} view=${pages.first} what="the timeline" retry=${ctx.refresh}>${() => html`
      ${pages.items.length === 0 ? html`<${Empty}>${kind ? html`Nothing of that kind. <a href=${withQuery(place, { kind: null })}>Clear the filter</a>` : "Nothing happened yet."}<//>` : html`
      <${Rows} caption="What happened, newest first" rows=${pages.items} selected=${wanted} rowKey=${(/** @type {Entry} */ one) => one.entryId} columns=${[
        { name: "When", cell: (/** @type {Entry} */ one) => html`<a href=${withQuery(place, { entry: one.entryId })}><${When} at=${one.at} only="clock" /></a>` },
        { name: "What", head: true, className: "breaks", cell: (/** @type {Entry} */ one) => html`<${Linked} entry=${one} />` },
        { name: "Who", cell: (/** @type {Entry} */ one) => one.actor },
        { name: "Kind", cell: (/** @type {Entry} */ one) => html`<code>${one.kind}</code>` },
        { name: "Why", cell: (/** @type {Entry} */ one) => html`<${Why} entry=${one} place=${place} />` },
        { name: "Trace", cell: (/** @type {Entry} */ one) => html`<${Copy} text=${one.traceId} shown=${short(one.traceId)} />` },
      ]} />`}
      ${pages.error && html`<${Trouble} error=${pages.error} retry=${pages.more} />`}
      ${pages.next && html`<p><button type="button" disabled=${pages.busy} onClick=${pages.more}>Older</button></p>`}`}<//>`;
}

/** @param {{entry: Entry}} props */
function Linked({ entry }) {
  const to = addressOf(String(entry.resource ?? "").split("/").pop() ?? "");
  return to ? html`<a href=${to}>${entry.summary}</a>` : entry.summary;
}

/** @param {{entry: Entry, place: import("../router.js").Place}} props */
function Why({ entry, place }) {
  const parts = [
    entry.operationId && html`<a href="/ui/o/${entry.operationId}">operation</a>`,
    entry.decisionId && html`decision <code>${short(entry.decisionId)}</code>`,
    entry.causedBy && html`<a href=${withQuery(place, { entry: entry.causedBy })}>its cause</a>`,
  ].filter(Boolean);
  return parts.length === 0 ? "–" : parts.flatMap((part, at) => (at ? [", ", part] : [part]));
}
