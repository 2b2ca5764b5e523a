// Why a gate decided as it did: the last sample of each service and revision, and what it said.

import { html } from "./html.js";
import { Rows } from "./rows.js";
import { Status } from "./status.js";
import { When } from "./when.js";

/** What a sample says beside its status. @param {any} sample */
export function whyOf(sample) {
  const checks = (sample.checks ?? []).filter((/** @type {any} */ check) => check.status !== "Healthy");
  const said = checks.map((/** @type {any} */ check) => `${check.name}: ${check.status}`);
  if (sample.detail) said.push(sample.detail);
  if (said.length > 0) return said.join(", ");
  const names = (sample.checks ?? []).map((/** @type {any} */ check) =>
    check.durationMs === undefined ? check.name : `${check.name} ${Math.round(check.durationMs)} ms`);
  return names.join(", ");
}

/** The newest sample of each service first what is worst. @param {any[]} samples */
export function latest(samples) {
  const by = new Map(samples.map((sample) => [sample.serviceId, sample]));
  const order = ["Unhealthy", "Unknown", "Degraded", "Healthy"];
  return [...by.values()].sort((a, b) => order.indexOf(a.status) - order.indexOf(b.status) || a.serviceId.localeCompare(b.serviceId));
}

/** @param {{gate: any, all?: boolean}} props `all`: every sample, not the last of each service */
export function Evidence({ gate, all = false }) {
  const samples = all ? [...gate.samples].reverse() : latest(gate.samples);
  if (samples.length === 0) return html`<p class="empty">No evidence yet: nothing was judged.</p>`;
  return html`<${Rows} caption="Evidence by service and revision" rows=${samples}
    rowKey=${(/** @type {any} */ one) => `${one.serviceId} ${one.evaluatedAt} ${one.status}`} columns=${[
      { name: "Service", head: true, cell: (/** @type {any} */ one) => one.serviceId },
      { name: "Verdict", cell: (/** @type {any} */ one) => html`<${Status} word=${one.status} />` },
      { name: "Why", cell: (/** @type {any} */ one) => whyOf(one) || "–" },
      { name: "Revision", cell: (/** @type {any} */ one) => html`<code>${one.revision ?? "–"}</code>` },
      { name: "Image", cell: (/** @type {any} */ one) => html`<code class="breaks">${one.image ?? "–"}</code>` },
      { name: "Seen", cell: (/** @type {any} */ one) => html`<${When} at=${one.lastEvaluatedAt ?? one.evaluatedAt} only="clock" />
        ${one.count > 1 && html`<span class="faint"> ×${one.count}</span>`}` },
    ]} />`;
}
