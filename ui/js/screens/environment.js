// S2: what runs here, is it healthy, what happens now, may I act?

import { useEffect, useState } from "../../vendor/hooks.js";
import { decommission, onOperation, onPolicy, releaseHold, rollback, rotate } from "../changes.js";
import { html } from "../parts/html.js";
import { Line } from "../parts/line.js";
import { Rows } from "../parts/rows.js";
import { Empty, Loading, Shown, Trouble } from "../parts/states.js";
import { Shape, Stage, Status } from "../parts/status.js";
import { Deadline, When } from "../parts/when.js";
import { withQuery } from "../router.js";
import { read } from "../routes.js";
import { useWatch } from "../use.js";

const EVERY = 15; // seconds
const BUSY_EVERY = 5;
const DRIFT_EVERY = 60;
const MOST_ROWS = 200;

/** @typedef {import("../../types/routes").Schemas} Schemas */
/** @typedef {{ctx: any, environment: Schemas["EnvironmentState"], place: import("../router.js").Place}} Shown */
/** @typedef {Schemas["InventoryRow"]} Service */
/** @typedef {import("../triage.js").Operation} Operation */

/** @param {{ctx: any, place: import("../router.js").Place}} props */
export function Environment({ ctx, place }) {
  const id = place.params.environment;
  const view = useWatch(read("/environments/{environmentId}", { environmentId: id }), { every: EVERY });
  const environment = view.data;
  ctx.useAsOf(view);
  ctx.useTitle(environment ? environment.name : "Environment");
  if (!environment) return html`<h1 tabindex="-1">Environment</h1><${Shown} view=${view} what="the environment" retry=${ctx.refresh}>${() => null}<//>`;
  const changes = `${environment.status} ${environment.activeOperationId} ${environment.stableDeploymentId}`;
  return html`<h1 tabindex="-1">${environment.name}</h1>
    <${Shown} view=${view} what="the environment" retry=${ctx.refresh}>${() => html`
      <${Facts} ctx=${ctx} environment=${environment} />
      ${environment.hold && html`<div class="banner look-hold"><${Shape} look="hold" /><p><strong>Hold</strong> since${" "}
        <${When} at=${environment.hold.since} />: ${environment.hold.reason}. The platform starts nothing by itself; you can.${" "}
        <a href="/ui/d/${environment.hold.deploymentId}">Why: the evidence</a></p></div>`}
      <${Now} ctx=${ctx} environment=${environment} />
      <${Releases} environment=${environment} changes=${changes} />
      <${Services} ctx=${ctx} environment=${environment} place=${place} />
      <${More} ctx=${ctx} environment=${environment} place=${place} />`}<//>`;
}

/** @param {Omit<Shown, "place">} props */
function Facts({ ctx, environment }) {
  const prod = environment.stage === "prod";
  return html`<div class="facts"><p><${Stage} stage=${environment.stage} /> <${Status} word=${environment.status} />
      ${environment.binding.status !== "Active" && html`<${Status} word=${environment.binding.status} told="Tenant binding ${environment.binding.status}" />`}
      <span>${environment.isolationModel}</span> <span>${environment.region}</span> <span class="faint">${environment.projectId}</span></p>
    <nav class="actions" aria-label="Of this environment">
      <a class="button" href="/ui/e/${environment.environmentId}/drift">Drift</a>
      <a class="button" href="/ui/e/${environment.environmentId}/timeline">Timeline</a>
      ${environment.stableDeploymentId && html`<${ctx.Act} change=${rollback(environment.stableDeploymentId, prod)} label="Roll back…" />`}
      ${environment.hold && html`<${ctx.Act} change=${releaseHold(environment)} label="Release hold…" />`}
      ${["Provisioned", "Failed"].includes(environment.status) && html`<${ctx.Act} change=${decommission(environment)} label="Decommission…" />`}
    </nav></div>`;
}

/** @param {{status: Schemas["OperationStatus"]}} operation */
const isSettled = (operation) => !["NotStarted", "Running"].includes(operation.status);

/** @param {Omit<Shown, "place">} props */
function Now({ ctx, environment }) {
  const id = environment.activeOperationId;
  const view = useWatch(id ? read("/operations/{operationId}", { operationId: id }) : null, { every: BUSY_EVERY, until: isSettled });
  const operation = /** @type {Operation | null} */ (view.data);
  const settled = operation !== null && isSettled(operation);
  useEffect(() => {
    if (settled) ctx.refresh();
  }, [settled]);
  if (!id) return html`<section aria-labelledby="now"><h2 id="now">Now</h2><${Empty}>Nothing is under way.<//></section>`;
  const deployment = operation?.resourceLocation?.match(/\/deployments\/(dep-[0-9a-f]+)$/)?.[1];
  return html`<section aria-labelledby="now"><h2 id="now">Now</h2>
    <${Shown} view=${view} what="the operation" retry=${ctx.refresh}>${(/** @type {Operation} */ operation) => html`<div class="now">
      <p><${Status} word=${operation.status} told=${operation.kind} />
        ${operation.waitingFor && html` waiting for <strong>${operation.waitingFor}</strong>`}
        ${" · "}<${Deadline} word="settles by" at=${operation.mustSettleBy} /></p>
      <p class="actions"><a class="button" href=${deployment ? `/ui/d/${deployment}` : `/ui/o/${id}`}>Follow</a>
        ${!settled && html`<${ctx.Act} change=${onOperation(operation, "cancel")} label="Cancel…" />`}
        ${!settled && operation.waitingFor?.startsWith("a person") && html`<${ctx.Act} change=${onOperation(operation, "retry")} label="Judge again…" />`}</p>
      </div>`}<//></section>`;
}

/** @param {{environment: Schemas["EnvironmentState"], changes: string}} props */
function Releases({ environment, changes }) {
  const view = useWatch(read("/deployments", {}, { environmentId: environment.environmentId, limit: 10 }), { again: changes });
  return html`<section aria-labelledby="line"><h2 id="line">Releases</h2>
    <${Shown} view=${view} what="releases">${(/** @type {any} */ data) =>
      html`<${Line} deployments=${data.deployments} stableId=${environment.stableDeploymentId} />`}<//></section>`;
}

/** @param {Shown} props */
function Services({ ctx, environment, place }) {
  const drift = useWatch(read("/drift/{environmentId}", { environmentId: environment.environmentId }, { limit: 200 }), { every: DRIFT_EVERY });
  const opened = place.query.get("service");
  /** @type {Map<string, Schemas["Finding"]>} */
  const worst = new Map();
  for (const finding of drift.data?.findings ?? []) {
    if (finding.serviceId && !worst.has(finding.serviceId)) worst.set(finding.serviceId, finding);
  }
  const rows = environment.inventory.slice(0, MOST_ROWS);
  if (rows.length === 0) return html`<section aria-labelledby="services"><h2 id="services">Services</h2><${Empty}>Nothing runs here yet.<//></section>`;
  return html`<section aria-labelledby="services"><h2 id="services">Services</h2>
    ${drift.error && drift.data === null && html`<p class="faint">Drift is not readable: ${drift.error.message}.</p>`}
    <${Rows} caption="Services of ${environment.name}" rows=${rows} rowKey=${(/** @type {Service} */ one) => one.serviceId} selected=${opened}
      detail=${(/** @type {Service} */ one) => one.serviceId === opened && html`<${Health} ctx=${ctx} service=${one} environment=${environment} />`}
      columns=${[
        { name: "Service", head: true, className: "name", cell: (/** @type {Service} */ one) => html`<a class="row-link" aria-expanded=${one.serviceId === opened ? "true" : "false"}
          href=${withQuery(place, { service: one.serviceId === opened ? null : one.serviceId })}>${one.serviceId}</a>` },
        { name: "Target", cell: (/** @type {Service} */ one) => one.target },
        { name: "Version", className: "breaks", cell: (/** @type {Service} */ one) => one.version },
        { name: "Replicas", cell: (/** @type {Service} */ one) => one.replicas },
        { name: "Health", cell: (/** @type {Service} */ one) => html`<${Status} word=${one.stale ? "Stale" : one.status} />` },
        { name: "Evidence", cell: (/** @type {Service} */ one) => html`<${When} at=${one.evaluatedAt} only="age" />` },
        { name: "Drift", cell: (/** @type {Service} */ one) => {
          const finding = worst.get(one.serviceId);
          if (finding) return html`<a href="/ui/e/${environment.environmentId}/drift?finding=${finding.findingId}"><${Status} word=${finding.severity} /></a>`;
          return wasScanned(drift.data?.lastScan, one.serviceId) ? "–" : html`<${Status} word="Unknown" told="not scanned" />`;
        } },
      ]} />
    ${environment.inventory.length > MOST_ROWS && html`<p class="faint">The first ${MOST_ROWS} of ${environment.inventory.length}.</p>`}</section>`;
}

/** No finding is not the same as not scanned. @param {Schemas["Scan"] | undefined} scan @param {string} serviceId */
function wasScanned(scan, serviceId) {
  return scan !== undefined && scan.status !== "Never" && !scan.notReached.includes(serviceId);
}

/** @param {Omit<Shown, "place"> & {service: Service}} props */
function Health({ ctx, service, environment }) {
  const view = useWatch(read("/services/{serviceId}/health", service, { environmentId: environment.environmentId }), { again: service.evaluatedAt });
  return html`<${Shown} view=${view} what="its health" retry=${ctx.refresh}>${(/** @type {Schemas["ServiceHealthState"]} */ health) => html`<div>
    <p><${Status} word=${health.stale ? "Stale" : health.status} /> seen <${When} at=${health.evaluatedAt} />${health.cause && html` · because of <strong>${health.cause}</strong>`}</p>
    ${health.checks.length > 0 && html`<ul class="checks">${health.checks.map((/** @type {Schemas["Check"]} */ check) => html`<li key=${check.name}>
      <${Status} word=${check.status} told="${check.name}: ${check.status}" />${" "}
      <span class="faint">${check.durationMs === undefined ? "" : `${Math.round(check.durationMs)} ms`}</span></li>`)}</ul>`}
    <p class="faint"><code class="breaks">${service.image}</code>${service.endpointUrl && html` · <code class="breaks">${service.endpointUrl}</code>`}</p>
  </div>`}<//>`;
}

/** Policies and secrets: loaded when somebody looks. @param {Shown} props */
function More({ ctx, environment, place }) {
  const wanted = place.query.get("more") ?? "";
  const [open, setOpen] = useState(Boolean(wanted));
  const query = { environmentId: environment.environmentId, limit: 200 };
  const policies = useWatch(open ? read("/scaling-policies", {}, query) : null, { again: environment.activeOperationId });
  const bindings = useWatch(open ? read("/secret-bindings", {}, query) : null, { again: environment.activeOperationId });
  const prod = environment.stage === "prod";
  return html`<details open=${open} onToggle=${(/** @type {any} */ event) => setOpen(event.target.open)}>
    <summary>Scaling policies, secrets, where it lives</summary>
    ${open && html`
      <h3>Scaling policies</h3><${List} view=${policies} plural="scalingPolicies" empty="No policy." ctx=${ctx}>${(/** @type {Schemas["PolicyState"][]} */ rows) => html`
        <${Rows} caption="Scaling policies" rows=${rows} selected=${wanted} rowKey=${(/** @type {Schemas["PolicyState"]} */ one) => one.scalingPolicyId} columns=${[
          { name: "Service", head: true, cell: (/** @type {Schemas["PolicyState"]} */ one) => `${one.serviceId} (${one.target})` },
          { name: "Requested", cell: (/** @type {Schemas["PolicyState"]} */ one) => bounds(one.requested) },
          { name: "Effective", cell: (/** @type {Schemas["PolicyState"]} */ one) => bounds(one.effective) },
          { name: "Enforcement", cell: (/** @type {Schemas["PolicyState"]} */ one) => html`<${Status} word=${one.paused ? "Paused" : one.enforcement} />` },
          { name: "Act", cell: (/** @type {Schemas["PolicyState"]} */ one) => html`<${ctx.Act} change=${onPolicy(one, one.paused ? "resume" : "pause", prod)}
            label=${one.paused ? "Resume…" : "Pause…"} about=${one.serviceId} />` },
        ]} />`}<//>
      <h3>Secrets</h3><${List} view=${bindings} plural="secretBindings" empty="No secret is bound." ctx=${ctx}>${(/** @type {Schemas["BindingState"][]} */ rows) => html`
        <${Rows} caption="Secret bindings" rows=${rows} selected=${wanted} rowKey=${(/** @type {Schemas["BindingState"]} */ one) => one.secretBindingId} columns=${[
          { name: "Service", head: true, cell: (/** @type {Schemas["BindingState"]} */ one) => one.serviceId },
          { name: "State", cell: (/** @type {Schemas["BindingState"]} */ one) => html`<${Status} word=${one.status} />` },
          { name: "Secrets", className: "breaks", cell: (/** @type {Schemas["BindingState"]} */ one) => one.secrets.map((secret) => secret.name).join(", ") },
          { name: "Consumers", cell: (/** @type {Schemas["BindingState"]} */ one) => html`${new Set(one.consumers.map((by) => by.serviceId)).size}${
            one.consumersOnOldVersion > 0 && html`, <${Status} word="Open" told="${one.consumersOnOldVersion} on an old version" />`}` },
          { name: "Waits for", cell: (/** @type {Schemas["BindingState"]} */ one) => {
            const names = Object.keys(one.requested);
            return names.length === 0 ? "–" : `a new version of ${names.join(", ")}`;
          } },
          { name: "Act", cell: (/** @type {Schemas["BindingState"]} */ one) => html`<${ctx.Act} change=${rotate(one, prod)} label="Rotate…" about=${one.serviceId} />` },
        ]} />`}<//>
      <h3>Where it lives</h3><dl class="pairs">
        ${Object.entries({ id: environment.environmentId, ...environment.placement, ...environment.outputs, stack: environment.pulumiStackRef, trace: environment.traceId })
          .map(([name, value]) => html`<div key=${name}><dt>${name}</dt><dd><code class="breaks">${String(value)}</code></dd></div>`)}</dl>`}
  </details>`;
}

/** @param {any} props */
function List({ view, plural, empty, ctx, children }) {
  if (view.data === null) return view.error ? html`<${Trouble} error=${view.error} retry=${ctx.refresh} />` : html`<${Loading} what="them" />`;
  return view.data[plural].length === 0 ? html`<${Empty}>${empty}<//>` : children(view.data[plural]);
}

/** @param {Schemas["Scaling"] | undefined} scaling */
function bounds(scaling) {
  return scaling ? `${scaling.minReplicas} to ${scaling.maxReplicas}, ${scaling.metric} ${scaling.targetUtilizationPercent} %` : "–";
}
