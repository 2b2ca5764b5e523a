// What a deployment or an operation went through, in order, and where it stands.

import { worded } from "../status.js";
import { span } from "../time.js";
import { html } from "./html.js";
import { Status } from "./status.js";
import { When } from "./when.js";

/** @param {any} one */
function lasted(one) {
  if (!one.endedAt || !one.startedAt) return "";
  return span((Date.parse(one.endedAt) - Date.parse(one.startedAt)) / 1000);
}

/** @param {{history: any[], selected: number | null, linkTo: (wave: number) => string}} props */
export function Phases({ history, selected, linkTo }) {
  return html`<ol class="steps" aria-label="Phases, in order">${history.map((entry, at) => {
    const ended = entry.endedAt || ["Completed", "RolledBack", "Failed", "Canceled"].includes(entry.phase);
    const bad = ["Failed", "Inconclusive", "Error"].includes(entry.gate?.verdict);
    const word = bad ? entry.gate.verdict : ended ? (at === history.length - 1 ? entry.phase : "Completed") : entry.phase;
    const name = `${worded(entry.phase)}${entry.wave === undefined ? "" : ` ${entry.wave}`}`;
    const inside = html`<${Status} word=${word} told=${name} /> <span class="faint">${lasted(entry)}</span>`;
    return html`<li key=${name} aria-current=${ended ? undefined : "step"}>
      ${entry.gate ? html`<a href=${linkTo(entry.wave)} aria-current=${entry.wave === selected ? "true" : undefined}>${inside}</a>` : inside}
    </li>`;
  })}</ol>`;
}

/** @param {{operation: any}} props */
export function OperationSteps({ operation }) {
  const steps = operation.steps ?? [];
  if (steps.length === 0) return html`<p class="faint">No step has begun.</p>`;
  return html`<ol class="steps" aria-label="Steps, in order">${steps.map((/** @type {any} */ step) => html`
    <li key=${step.name}><${Status} word=${step.status} told=${step.name} />
      <span class="faint"> ${lasted(step)} ${step.detail ?? ""}</span>
      ${!step.endedAt && html`<span class="faint">since <${When} at=${step.startedAt} only="clock" /></span>`}</li>`)}</ol>`;
}
