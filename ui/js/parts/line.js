// The release line: the last deployments, oldest left, newest right, never reordered.

import { html } from "./html.js";
import { Status } from "./status.js";
import { When } from "./when.js";

/** @param {{deployments: any[], stableId: string | undefined, current?: string}} props newest first, as the API lists them */
export function Line({ deployments, stableId, current }) {
  if (deployments.length === 0) return html`<p class="empty">Nothing was deployed here yet.</p>`;
  const shown = deployments.slice(0, 10).reverse();
  return html`<ol class="line" aria-label="Releases, oldest first" tabindex="0">${shown.map((one) => html`
    <li key=${one.deploymentId} class=${one.deploymentId === stableId ? "stable" : ""}>
      <a href="/ui/d/${one.deploymentId}" aria-current=${one.deploymentId === current ? "true" : undefined}>
        ${one.rollbackOf ? "↶ " : ""}${one.releaseRef}</a>
      <${Status} word=${one.status} />
      <span class="faint">${one.deploymentId === stableId ? "stable · " : ""}<${When} at=${one.createdAt} only="age" /></span>
    </li>`)}</ol>`;
}
