// S3: which wave, on what evidence, will it promote or roll back, and by when?

import { onOperation, promote, rollback } from "../changes.js";
import { Evidence } from "../parts/evidence.js";
import { html } from "../parts/html.js";
import { Rows } from "../parts/rows.js";
import { Empty, Shown } from "../parts/states.js";
import { Shape, Status } from "../parts/status.js";
import { Phases } from "../parts/steps.js";
import { Deadline, When } from "../parts/when.js";
import { withQuery } from "../router.js";
import { read } from "../routes.js";
import { now, span } from "../time.js";
import { useWatch } from "../use.js";

const EVERY = 5; // seconds, until it is over

/** @typedef {import("../../types/routes").Schemas} Schemas */
/** @typedef {Schemas["DeploymentState"]} Deployment */

/** @param {{ctx: any, place: import("../router.js").Place}} props */
export function Rollout({ ctx, place }) {
  const id = place.params.deployment;
  const view = useWatch(read("/deployments/{deploymentId}", { deploymentId: id }), { every: EVERY, until: isOver });
  const deployment = view.data;
  const over = deployment !== null && isOver(deployment);
  const operation = useWatch(deployment && read("/operations/{operationId}", deployment), { every: EVERY, until: () => over, again: over });
  ctx.useAsOf(view);
  ctx.useTitle(deployment ? deployment.releaseRef : "Release");
  if (!deployment) return html`<h1 tabindex="-1">Release</h1><${Shown} view=${view} what="the release" retry=${ctx.refresh}>${() => null}<//>`;
  const gates = deployment.rolloutHistory.flatMap((one) => (one.gate ? [{ ...one, gate: one.gate }] : []));
  const asked = place.query.get("wave");
  const entry = gates.find((one) => String(one.wave) === asked) ?? gates.at(-1) ?? null;
  const linkTo = (/** @type {number} */ wave) => withQuery(place, { wave: String(wave) });
  return html`<h1 tabindex="-1">${deployment.rollbackOf ? "Rollback to " : ""}${deployment.releaseRef}</h1>
    <${Shown} view=${view} what="the release" retry=${ctx.refresh}>${() => html`
      <${Head} ctx=${ctx} deployment=${deployment} operation=${operation.data} />
      <section aria-labelledby="phases"><h2 id="phases">Where it stands</h2>
        <${Phases} history=${deployment.rolloutHistory} selected=${entry?.wave ?? null} linkTo=${linkTo} /></section>
      <section aria-labelledby="gate"><h2 id="gate">${entry ? `Gate of wave ${entry.wave}` : "Gate"}</h2>
        ${entry ? html`<${Gate} entry=${entry} deployment=${deployment} place=${place} />` : html`<${Empty}>No wave has come to its gate yet.<//>`}</section>
      <${Compared} deployment=${deployment} place=${place} ctx=${ctx} />`}<//>`;
}

/** @param {Deployment} deployment */
const isOver = (deployment) => deployment.status !== "InProgress";

/** @param {{ctx: any, deployment: Deployment, operation: import("../triage.js").Operation | null}} props */
function Head({ ctx, deployment, operation }) {
  const running = deployment.status === "InProgress";
  const paused = running && operation?.waitingFor?.startsWith("a person");
  return html`<div class="facts">
    <p><${Status} word=${running ? deployment.phase : deployment.status} />
      ${" into "}<a href="/ui/e/${deployment.environmentId}">its environment</a>
      ${running && operation && html`${" · "}<${Deadline} word="settles by" at=${operation.mustSettleBy} />`}
      ${!running && html`${" · "}ended <${When} at=${deployment.endedAt} />`}
      <span class="faint"> ${" · "}by ${deployment.requestedBy}, <${When} at=${deployment.createdAt} only="clock" /></span></p>
    <nav class="actions" aria-label="Of this release">
      <a class="button" href="/ui/o/${deployment.operationId}">Operation</a>
      <a class="button" href="/ui/e/${deployment.environmentId}/timeline">Timeline</a>
      ${running && html`<${ctx.Act} change=${onOperation({ kind: "Deploy", operationId: deployment.operationId }, "cancel")} label="Cancel…" />`}
      ${paused && html`<${ctx.Act} change=${onOperation({ kind: "Deploy", operationId: deployment.operationId }, "retry")} label="Judge again…" />`}
      ${paused && html`<${ctx.Act} change=${promote(deployment.deploymentId, true)} label="Promote…" />`}
      ${deployment.status === "Completed" && html`<${ctx.Act} change=${rollback(deployment.deploymentId, true)} label="Roll back…" />`}
    </nav></div>
    ${operation?.waitingFor && running && html`<p>Waiting for <strong>${operation.waitingFor}</strong>.</p>`}
    ${deployment.error && html`<div class="banner look-bad"><${Shape} look="bad" /><p><strong>${deployment.error.code}</strong>: ${deployment.error.message}</p></div>`}`;
}

/** @param {{entry: Schemas["HistoryState"] & {gate: Schemas["GateState"]}, deployment: Deployment, place: import("../router.js").Place}} props */
function Gate({ entry, deployment, place }) {
  const { gate } = entry;
  const policy = deployment.gate;
  const opened = Date.parse(entry.startedAt);
  const givesUp = opened + (policy.waitSeconds + policy.retryTimeoutSeconds) * 1000;
  const healthy = gate.healthySince ? Math.min(policy.stableSeconds, (now() - Date.parse(gate.healthySince)) / 1000) : 0;
  const all = place.query.get("samples") === "all";
  return html`<p><${Status} word=${gate.verdict ?? "Running"} told=${gate.verdict ?? "being judged"} />
      ${!gate.verdict && html` · healthy <strong>${span(healthy)}</strong> of ${policy.stableSeconds} s
        ${" · "}gives up <${When} at=${givesUp} /> · then <strong>${policy.onFailure}</strong>`}
      ${gate.overridden && html` · overridden by ${gate.overridden.by}: ${gate.overridden.reason}`}
      ${entry.detail && html` · ${entry.detail}`}</p>
    <${Evidence} gate=${gate} all=${all} />
    <p><a href=${withQuery(place, { samples: all ? null : "all" })}>${all ? "The last of each service" : "Every sample"}</a></p>`;
}

/** @param {{ctx: any, deployment: Deployment, place: import("../router.js").Place}} props */
function Compared({ ctx, deployment, place }) {
  const to = deployment.previousDeploymentId;
  const open = place.query.get("compare") === "true";
  const view = useWatch(to && open ? read("/deployments/{deploymentId}", deployment, { compareTo: to }) : null);
  if (!to) return html`<section aria-labelledby="compared"><h2 id="compared">Compared</h2><${Empty}>It is the first release here.<//></section>`;
  return html`<section aria-labelledby="compared"><h2 id="compared">Compared with <a href="/ui/d/${to}">what was stable before</a></h2>
    <p><a href=${withQuery(place, { compare: open ? null : "true" })}>${open ? "Hide" : "Show what differs"}</a></p>
    ${open && html`<${Shown} view=${view} what="the comparison" retry=${ctx.refresh}>${(/** @type {Deployment} */ data) => html`
      ${/** @type {const} */ (["components", "configuration", "settings"]).map((part) => html`<${Part} key=${part} name=${part} rows=${data.comparison?.[part] ?? []} />`)}`}<//>`}</section>`;
}

/** @param {{name: string, rows: Schemas["Difference"][]}} props */
function Part({ name, rows }) {
  return html`<h3>${name} <span class="faint">${rows.length} changed</span></h3>
    ${rows.length > 0 && html`<${Rows} caption="Changed ${name}" rows=${rows} rowKey=${(/** @type {Schemas["Difference"]} */ one) => `${one.serviceId} ${one.key ?? ""}`} columns=${[
      { name: "Service", head: true, cell: (/** @type {Schemas["Difference"]} */ one) => one.serviceId },
      ...(name === "settings" ? [{ name: "Key", cell: (/** @type {Schemas["Difference"]} */ one) => html`<code>${one.key}</code>` }] : []),
      { name: "Before", className: "breaks", cell: (/** @type {Schemas["Difference"]} */ one) => said(one.from) },
      { name: "Now", className: "breaks", cell: (/** @type {Schemas["Difference"]} */ one) => said(one.to) },
    ]} />`}`;
}

/** @param {unknown} value */
function said(value) {
  if (value === undefined) return "–";
  return html`<code>${typeof value === "object" ? JSON.stringify(value) : String(value)}</code>`;
}
