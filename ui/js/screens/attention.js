// S1: is anything on fire, where, since when, and is the platform already on it?

import { useEffect, useRef, useState } from "../../vendor/hooks.js";
import { html } from "../parts/html.js";
import { Rows } from "../parts/rows.js";
import { Empty, Loading, Shown, Trouble } from "../parts/states.js";
import { Stage, Status } from "../parts/status.js";
import { Deadline, When } from "../parts/when.js";
import { withQuery } from "../router.js";
import { read } from "../routes.js";
import { now } from "../time.js";
import { triage } from "../triage.js";
import { usePages, useWatch } from "../use.js";

const STAGES = ["dev", "test", "staging", "prod"];
const EVERY = 30; // seconds
const RUNNING_EVERY = 60;
const MOST_ROWS = 200;

/** @typedef {import("../../types/routes").Schemas} Schemas */
/** @typedef {Schemas["Stage"]} Stage */
/** @typedef {Schemas["EnvironmentItem"]} Item */
/** @typedef {import("../triage.js").Row} Row */
/** @typedef {import("../triage.js").Working} Working */

/** @param {{ctx: any, place: import("../router.js").Place}} props */
export function Attention({ ctx, place }) {
  const [stage, q, all] = ["stage", "q", "all"].map((name) => place.query.get(name) ?? "");
  const filters = { stage: /** @type {Stage} */ (stage), q };
  const urgent = useWatch(read("/environments", {}, { attention: true, limit: 200, ...filters }), { every: EVERY });
  const running = useWatch(read("/operations", {}, { status: "Running", limit: 50 }), { every: RUNNING_EVERY, again: urgent.etag });
  const listed = usePages(read("/environments", {}, { limit: 100, ...filters }), "environments", { again: urgent.etag });
  const named = new Map(listed.items.map((one) => [one.environmentId, one]));
  for (const one of urgent.data?.environments ?? []) named.set(one.environmentId, one);
  const wanted = (running.data?.operations ?? []).filter((one) =>
    !(stage || q) || named.has(`env-${one.operationId.slice(3, 19)}`));
  const { person, working } = triage([...named.values()], wanted, now());
  const busy = new Set(working.map((one) => one.environment.environmentId));
  const calm = listed.items.filter((one) => !busy.has(one.environmentId) && !person.some((row) => row.key === one.environmentId));

  ctx.useAsOf(urgent);
  ctx.useTitle("What needs a person");
  return html`<h1 tabindex="-1">What needs a person</h1>
    <${Filters} ctx=${ctx} place=${place} stage=${stage} q=${q} />
    <${Shown} view=${urgent} what="environments" retry=${ctx.refresh}>${(/** @type {{nextLink?: string}} */ data) => html`
    <ul class="counts" aria-label="Summary">
      <li><strong>${person.length}${data.nextLink ? "+" : ""}</strong> need a person</li>
      <li><strong>${working.length}</strong> working</li>
      <li><strong>${calm.length}${listed.next ? "+" : ""}</strong> quiet</li>
    </ul>
    <section aria-labelledby="person">
      <h2 id="person">Needs a person</h2>
      ${person.length === 0 ? html`<${Nothing} stage=${stage} q=${q} listed=${listed} place=${place} />` : html`<${Steady} ctx=${ctx} rows=${person} />`}
    </section>
    <section aria-labelledby="working"><h2 id="working">Working</h2><${Working} working=${working} running=${running} /></section>
    <section aria-labelledby="quiet"><h2 id="quiet">Quiet</h2>
      <${Quiet} calm=${calm} listed=${listed} all=${all} place=${place} /></section>`}<//>`;
}

/** @param {any} props */
function Filters({ ctx, place, stage, q }) {
  const set = (/** @type {Record<string, string>} */ changes) => ctx.go(withQuery(place, changes), { keepFocus: true });
  return html`<form class="filters" role="search" aria-label="Filter environments" onSubmit=${(/** @type {Event} */ event) => event.preventDefault()}>
    <label>Stage <select value=${stage} onChange=${(/** @type {any} */ event) => set({ stage: event.target.value })}>
      <option value="">all</option>${STAGES.map((one) => html`<option key=${one} value=${one}>${one}</option>`)}</select></label>
    <label>Name begins with <input id="filter-name" type="search" value=${q} maxlength="64"
      onChange=${(/** @type {any} */ event) => set({ q: event.target.value.trim().toLowerCase() })} /></label>
  </form>`;
}

/** @param {any} props */
function Nothing({ stage, q, listed, place }) {
  if (stage || q) {
    return html`<${Empty}>Nothing that matches the filter needs a person.
      <a href=${withQuery(place, { stage: null, q: null })}>Clear the filter</a><//>`;
  }
  if (listed.first.data && listed.items.length === 0) {
    return html`<${Empty}>There is no environment yet. <a href="/ui/docs/start">How to make one</a><//>`;
  }
  return html`<${Empty}><${Status} word="Healthy" told="Nothing is on fire." /><//>`;
}

/** Rows that keep their places while somebody points at them or is among them. @param {any} props */
function Steady({ ctx, rows }) {
  const held = useRef(false);
  const [order, setOrder] = useState(() => keysOf(rows));
  const changed = difference(order, keysOf(rows));
  useEffect(() => {
    if (!held.current && changed) {
      setOrder(keysOf(rows));
      ctx.announce(`${changed} ${changed === 1 ? "environment" : "environments"} changed`);
    }
  });
  const by = new Map(rows.map((/** @type {any} */ row) => [row.key, row]));
  const shown = (changed && held.current ? order : keysOf(rows)).map((/** @type {string} */ key) => by.get(key)).filter(Boolean);
  const hold = (/** @type {boolean} */ on) => () => { held.current = on; };
  return html`<div onMouseEnter=${hold(true)} onMouseLeave=${hold(false)} onFocusIn=${hold(true)} onFocusOut=${hold(false)}>
    ${changed > 0 && held.current && html`<p><button type="button" onClick=${() => setOrder(keysOf(rows))}>
      ${changed} ${changed === 1 ? "change" : "changes"}, show</button></p>`}
    <${Rows} caption="Environments that need a person" rows=${shown.slice(0, MOST_ROWS)} rowKey=${(/** @type {Row} */ row) => row.key}
      columns=${[
        { name: "State", cell: (/** @type {Row} */ row) => html`<${Status} word=${row.word} />` },
        { name: "Environment", head: true, className: "name", cell: (/** @type {Row} */ row) => html`<a class="row-link" href=${row.href}>${row.name}</a>` },
        { name: "Stage", cell: (/** @type {Row} */ row) => html`<${Stage} stage=${row.stage} />` },
        { name: "Why", className: "breaks", cell: (/** @type {Row} */ row) => row.why },
        { name: "Since", cell: (/** @type {Row} */ row) => (row.since ? html`<${When} at=${row.since} />` : "–") },
        { name: "Hold", cell: (/** @type {Row} */ row) => (row.hold ? html`<${Status} word="Hold" />` : "–") },
      ]} /></div>`;
}

/** @param {any[]} rows */
const keysOf = (rows) => rows.map((row) => row.key);

/** How many rows came, went or moved. @param {string[]} before @param {string[]} after */
function difference(before, after) {
  const moved = after.filter((key, at) => before[at] !== key).length;
  return Math.max(moved, before.length - after.length, 0);
}

/** @param {any} props */
function Working({ working, running }) {
  if (running.data === null) return running.error ? html`<${Trouble} error=${running.error} />` : html`<${Loading} what="operations" />`;
  if (working.length === 0) return html`<${Empty}>The platform is not changing anything now.<//>`;
  return html`<${Rows} caption="Operations under way" rows=${working.slice(0, MOST_ROWS)}
    rowKey=${(/** @type {Working} */ one) => one.operation.operationId} columns=${[
      { name: "Operation", cell: (/** @type {Working} */ one) => html`<${Status} word="Running" told=${one.operation.kind} />` },
      { name: "Environment", head: true, className: "name", cell: (/** @type {Working} */ one) => html`<a class="row-link" href="/ui/o/${one.operation.operationId}">${one.environment.name}</a>` },
      { name: "Stage", cell: (/** @type {Working} */ one) => html`<${Stage} stage=${one.environment.stage} />` },
      { name: "Waiting for", className: "breaks", cell: (/** @type {Working} */ one) => one.operation.waitingFor ?? "–" },
      { name: "Settles", cell: (/** @type {Working} */ one) => html`<${Deadline} word="by" at=${one.operation.mustSettleBy} />` },
    ]} />`;
}

/** @param {any} props */
function Quiet({ calm, listed, all, place }) {
  if (listed.first.data === null) return listed.first.error ? html`<${Trouble} error=${listed.first.error} />` : html`<${Loading} what="environments" />`;
  const shown = all ? calm.slice(0, MOST_ROWS) : [];
  return html`<p class="views">
      <a href=${withQuery(place, { all: null })} aria-current=${all ? undefined : "true"}>by project</a>
      <a href=${withQuery(place, { all: "true" })} aria-current=${all ? "true" : undefined}>list</a></p>
    ${all ? html`<${Rows} caption="Quiet environments" rows=${shown} rowKey=${(/** @type {Item} */ one) => one.environmentId} columns=${[
      { name: "Environment", head: true, className: "name", cell: (/** @type {Item} */ one) => html`<a class="row-link" href="/ui/e/${one.environmentId}">${one.name}</a>` },
      { name: "Stage", cell: (/** @type {Item} */ one) => html`<${Stage} stage=${one.stage} />` },
      { name: "State", cell: (/** @type {Item} */ one) => html`<${Status} word=${one.status} />` },
      { name: "Release", cell: (/** @type {Item} */ one) => one.summary.stableReleaseRef ?? "–" },
      { name: "Services", cell: (/** @type {Item} */ one) => one.summary.services },
      { name: "Project", cell: (/** @type {Item} */ one) => one.projectId },
    ]} />` : html`<${Projects} calm=${calm} />`}
    ${listed.error && html`<${Trouble} error=${listed.error} retry=${listed.more} />`}
    ${listed.next && calm.length < MOST_ROWS && html`<p><button type="button" disabled=${listed.busy} onClick=${listed.more}>Older environments</button></p>`}
    ${listed.next && calm.length >= MOST_ROWS && html`<p class="faint">${MOST_ROWS} are shown: narrow it down with the filter.</p>`}`;
}

/** @param {{calm: Item[]}} props */
function Projects({ calm }) {
  /** @type {Map<string, Item[]>} */
  const projects = new Map();
  for (const one of calm) projects.set(one.projectId, [...(projects.get(one.projectId) ?? []), one]);
  if (projects.size === 0) return html`<${Empty}>No other environment.<//>`;
  const sorted = [...projects].sort(([a], [b]) => a.localeCompare(b));
  return html`<dl class="projects">${sorted.slice(0, MOST_ROWS).map(([project, those]) => html`<div key=${project}><dt>${project}</dt>
    <dd>${those.sort((a, b) => STAGES.indexOf(a.stage) - STAGES.indexOf(b.stage)).slice(0, 12).map((one) => html`
      <a key=${one.environmentId} href="/ui/e/${one.environmentId}">${one.name} <${Stage} stage=${one.stage} />${" "}
        <span class="faint">${one.summary.stableReleaseRef ?? one.status}</span></a> `)}
      ${those.length > 12 && html`<span class="faint">and ${those.length - 12} more</span>`}</dd></div>`)}</dl>`;
}
