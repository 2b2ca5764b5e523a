// S4: what differs from what was promised, since when, whose field is it, and did the scan see everything?

import { decide, ignoreRules } from "../changes.js";
import { html } from "../parts/html.js";
import { Rows } from "../parts/rows.js";
import { Empty, Shown, Trouble } from "../parts/states.js";
import { Shape, Status } from "../parts/status.js";
import { When } from "../parts/when.js";
import { withQuery } from "../router.js";
import { read } from "../routes.js";
import { worded } from "../status.js";
import { usePages, useWatch } from "../use.js";

const EVERY = 30; // seconds
const STATUSES = ["Open", "Acknowledged", "AcceptedUntil", "Remediating", "Reopened", "Resolved"];
const KINDS = ["ImageVersionMismatch", "ReplicaCountMismatch", "ConfigurationMismatch", "SecretVersionMismatch", "ScalingPolicyMismatch",
  "MissingService", "UnexpectedService", "InfrastructureMismatch", "IsolationBreach"];
const SEVERITIES = ["Critical", "High", "Medium", "Low"];
const MOST_ROWS = 200;

/** @typedef {import("../../types/routes").Schemas} Schemas */
/** @typedef {Schemas["Finding"]} Finding */

/** @param {{ctx: any, place: import("../router.js").Place}} props */
export function Drift({ ctx, place }) {
  const id = place.params.environment;
  const [status, kind, wanted] = ["status", "kind", "finding"].map((name) => place.query.get(name) ?? "");
  const filters = { status: /** @type {Schemas["FindingStatus"]} */ (status), kind: /** @type {Schemas["FindingKind"]} */ (kind) };
  const pages = usePages(read("/drift/{environmentId}", { environmentId: id }, { limit: 100, ...filters }), "findings", { every: EVERY });
  const environment = useWatch(read("/environments/{environmentId}", { environmentId: id })).data;
  const name = environment?.name ?? "this environment";
  const shown = [...pages.items].sort(worstFirst).slice(0, MOST_ROWS);
  ctx.useAsOf(pages.first);
  ctx.useTitle(`Drift of ${name}`);
  return html`<h1 tabindex="-1">Drift of ${name}</h1>
    <p><a href="/ui/e/${id}">Back to the environment</a></p>
    <${Filters} ctx=${ctx} place=${place} status=${status} kind=${kind} />
    <${Shown} view=${pages.first} what="findings" retry=${ctx.refresh}>${(/** @type {Schemas["FindingsOf"]} */ data) => html`
      <${Scan} scan=${data.lastScan} />
      ${shown.length === 0 ? html`<${None} scan=${data.lastScan} filtered=${status || kind} place=${place} />` : html`
        <${Findings} ctx=${ctx} environment=${environment} shown=${shown} wanted=${wanted} />`}
      ${pages.error && html`<${Trouble} error=${pages.error} retry=${pages.more} />`}
      ${pages.next && shown.length < MOST_ROWS && html`<p><button type="button" disabled=${pages.busy} onClick=${pages.more}>Older findings</button></p>`}`}<//>
    <${Rules} ctx=${ctx} id=${id} prod=${environment?.stage === "prod"} />`;
}

/** What the scan saw: no finding is not the same as not scanned. @param {{scan: Schemas["Scan"]}} props */
function Scan({ scan }) {
  const reached = scan.notReached;
  return html`<p><${Status} word=${scan.status} told="Scan ${scan.status === "Never" ? "never ran" : scan.status.toLowerCase()}" />
    ${scan.completedAt && html` · <${When} at=${scan.completedAt} />`}
    ${reached.length > 0 && html` · not reached: <strong>${reached.join(", ")}</strong>, which is not “no drift”`}</p>`;
}

/** @param {any} props */
function None({ scan, filtered, place }) {
  if (filtered) return html`<${Empty}>No finding matches the filter. <a href=${withQuery(place, { status: null, kind: null })}>Clear the filter</a><//>`;
  if (scan.status === "Complete") return html`<${Empty}><${Status} word="Healthy" told="Nothing differs." /><//>`;
  return html`<${Empty}><${Status} word="Unknown" told="No finding, but not everything was seen." /><//>`;
}

/** @param {any} props */
function Filters({ ctx, place, status, kind }) {
  const set = (/** @type {string} */ name) => (/** @type {any} */ event) => ctx.go(withQuery(place, { [name]: event.target.value, finding: null }), { keepFocus: true });
  const options = (/** @type {string[]} */ words) => words.map((word) => html`<option key=${word} value=${word}>${word}</option>`);
  return html`<form class="filters" aria-label="Filter findings" onSubmit=${(/** @type {Event} */ event) => event.preventDefault()}>
    <label>Status <select value=${status} onChange=${set("status")}><option value="">all unresolved</option>${options(STATUSES)}</select></label>
    <label>Kind <select value=${kind} onChange=${set("kind")}><option value="">all</option>${options(KINDS)}</select></label></form>`;
}

/** @param {{ctx: any, environment: Schemas["EnvironmentState"] | null, shown: Finding[], wanted: string}} props */
function Findings({ ctx, environment, shown, wanted }) {
  return html`<${Rows} caption="Findings" rows=${shown} rowKey=${(/** @type {Finding} */ one) => one.findingId} selected=${wanted}
    columns=${[
      { name: "Severity", cell: (/** @type {Finding} */ one) => html`<${Status} word=${one.severity} />` },
      { name: "Finding", head: true, cell: (/** @type {Finding} */ one) => html`<a class="row-link" href="/ui/go/${one.findingId}">${worded(one.kind)}</a>` },
      { name: "Service", cell: (/** @type {Finding} */ one) => one.serviceId ?? "the environment" },
      { name: "Wanted", className: "breaks", cell: (/** @type {Finding} */ one) => html`<code>${one.desired}</code>` },
      { name: "Actual", className: "breaks", cell: (/** @type {Finding} */ one) => html`<code>${one.actual}</code>` },
      { name: "Owner", cell: (/** @type {Finding} */ one) => one.owner },
      { name: "Since", cell: (/** @type {Finding} */ one) => html`<${When} at=${one.detectedAt} />${" "}<span class="faint">×${one.occurrences}</span>` },
      { name: "Status", cell: (/** @type {Finding} */ one) => html`<${Status} word=${one.status} /> <${Decision} decision=${one.decision} />` },
      { name: "Decide", cell: (/** @type {Finding} */ one) => one.status === "Resolved" ? "–" : html`<details class="decide"><summary>Decide</summary><div class="actions">
        ${["acknowledge", "accept", "adopt", "remediate"].map((action) => html`<${ctx.Act} key=${action} small
          change=${decide(environment, one, /** @type {any} */ (action))} label="${action[0].toUpperCase()}${action.slice(1)}…" about="${one.kind} ${one.serviceId ?? ""}" />`)}</div></details>` },
    ]} />`;
}

/** @param {{decision?: Schemas["Decision"]}} props */
function Decision({ decision }) {
  if (!decision) return null;
  return html`<span class="faint">${decision.by}: “${decision.reason}”${decision.until && html`, until <${When} at=${decision.until} />`}</span>`;
}

/** @param {any} props */
function Rules({ ctx, id, prod }) {
  const view = useWatch(read("/drift/{environmentId}/ignore-rules", { environmentId: id }));
  return html`<section aria-labelledby="rules"><h2 id="rules">Ignore rules</h2>
    ${view.error && view.data === null ? html`<p class="faint"><${Shape} look="unknown" /> They cannot be read: ${view.error.message}.</p>` : html`
    <${Shown} view=${view} what="the rules" retry=${ctx.refresh}>${(/** @type {Schemas["RulesState"]} */ data) => html`
      ${data.rules.length === 0 ? html`<${Empty}>No rule: every difference is a finding.<//>` : html`<ul>${data.rules.map((rule, at) => html`
        <li key=${at}><code>${rule.serviceId ?? "any service"}</code>, <code>${rule.kind ?? "any kind"}</code>${rule.field && html`, <code>${rule.field}</code>`}: ${rule.reason}</li>`)}</ul>`}
      <p class="actions"><${ctx.Act} change=${ignoreRules(id, data.rules, prod)} label="Replace the rules…" /></p>`}<//>`}</section>`;
}

/** @param {Finding} a @param {Finding} b */
function worstFirst(a, b) {
  return SEVERITIES.indexOf(a.severity) - SEVERITIES.indexOf(b.severity) || a.findingId.localeCompare(b.findingId);
}
