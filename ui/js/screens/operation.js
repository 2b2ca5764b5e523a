// S5, one operation: which step, waiting for what, and does what is running settle?

import { onOperation } from "../changes.js";
import { addressOf } from "../ids.js";
import { html } from "../parts/html.js";
import { Copy, Shown } from "../parts/states.js";
import { Shape, Status } from "../parts/status.js";
import { OperationSteps } from "../parts/steps.js";
import { Deadline, When } from "../parts/when.js";
import { read } from "../routes.js";
import { useWatch } from "../use.js";

const EVERY = 5; // seconds, until it has settled
const OPEN = ["NotStarted", "Running"];

/** @param {{ctx: any, place: import("../router.js").Place}} props */
export function Operation({ ctx, place }) {
  const id = place.params.operation;
  const view = useOperation(id);
  const operation = view.data;
  ctx.useAsOf(view);
  ctx.useTitle(operation ? operation.kind : "Operation");
  return html`<h1 tabindex="-1">${operation?.kind ?? "Operation"}</h1>
    <${Shown} view=${view} what="the operation" retry=${ctx.refresh}>${() => html`<${Told} ctx=${ctx} operation=${operation} />`}<//>`;
}

/** Watched until it has settled, then never again. @param {string} id */
function useOperation(id) {
  return useWatch(read("/operations/{operationId}", { operationId: id }), { every: EVERY, until: (operation) => !OPEN.includes(operation.status) });
}

/** In a drawer, after its button. @param {{id: string}} props */
export function Followed({ id }) {
  const view = useOperation(id);
  return html`<${Shown} view=${view} what="the operation">${(/** @type {import("../triage.js").Operation} */ operation) => html`
    <p><${Status} word=${operation.status} told=${operation.kind} /> <${Status} word=${operation.status} />
      ${operation.waitingFor && OPEN.includes(operation.status) && html` · waiting for ${operation.waitingFor}`}</p>
    <${OperationSteps} operation=${operation} />
    <p><a href="/ui/o/${id}">Its own page</a></p>`}<//>`;
}

/** @param {{ctx: any, operation: import("../triage.js").Operation}} props */
function Told({ ctx, operation }) {
  const open = OPEN.includes(operation.status);
  const resource = addressOf(String(operation.resourceLocation ?? "").split("/").pop() ?? "");
  return html`<div class="facts"><p><${Status} word=${operation.status} />
      ${open && html` · <${Deadline} word="settles by" at=${operation.mustSettleBy} />`}
      ${open && operation.waitingFor && html` · waiting for <strong>${operation.waitingFor}</strong>`}</p>
    <nav class="actions" aria-label="Of this operation">
      <a class="button" href="/ui/e/env-${operation.operationId.slice(3, 19)}">Environment</a>
      ${resource && html`<a class="button" href=${resource}>What it is about</a>`}
      ${open && html`<${ctx.Act} change=${onOperation(operation, "cancel")} label="Cancel…" />`}
      ${(!open || operation.waitingFor?.startsWith("a person")) && operation.status !== "Succeeded" && html`<${ctx.Act} change=${onOperation(operation, "retry")} label="Retry…" />`}
    </nav></div>
    ${operation.error && html`<div class="banner look-bad"><${Shape} look="bad" /><p><strong>${operation.error.code}</strong>: ${operation.error.message}</p></div>`}
    ${operation.steps === undefined ? html`<p class="faint">You may see that it is there, and no more: its scope is not yours.</p>` : html`
    <section aria-labelledby="steps"><h2 id="steps">Steps</h2><${OperationSteps} operation=${operation} /></section>
    <section aria-labelledby="about"><h2 id="about">About it</h2><dl class="pairs">
      <div><dt>attempt</dt><dd>${operation.attempt}</dd></div>
      <div><dt>requested by</dt><dd>${operation.requestedBy}, <${When} at=${operation.createdAt} /></dd></div>
      <div><dt>last action</dt><dd><${When} at=${operation.lastActionAt} /></dd></div>
      ${operation.retryOf && html`<div><dt>retry of</dt><dd><a href="/ui/o/${operation.retryOf}">${operation.retryOf}</a></dd></div>`}
      ${operation.decisionId && html`<div><dt>decision</dt><dd><code class="breaks">${operation.decisionId}</code></dd></div>`}
      <div><dt>trace</dt><dd><${Copy} text=${operation.traceId} /></dd></div></dl></section>
    <details><summary>The request, as it was</summary><pre tabindex="0"><code>${JSON.stringify(operation.request, null, 2)}</code></pre></details>`}`;
}
