// The operators' guide, in the same shell: the pages of `docs/operator` as they are in the repository.

import { useEffect, useState } from "../../vendor/hooks.js";
import { file } from "../api.js";
import { html } from "../parts/html.js";
import { Prose } from "../parts/prose.js";
import { Loading, Trouble } from "../parts/states.js";

export const PAGES = [
  ["start", "Start"],
  ["screens", "The screens"],
  ["statuses", "Statuses"],
  ["gates", "Gates and evidence"],
  ["holds", "Holds"],
  ["drift", "Drift decisions"],
  ["rotation", "Rotation"],
  ["scaling", "Scaling"],
  ["isolation", "Isolation breach"],
  ["errors", "Errors"],
  ["failures", "How operations fail"],
];

/** @param {{ctx: any, place: import("../router.js").Place}} props */
export function Docs({ ctx, place }) {
  const page = place.params.page ?? "start";
  const [seen, setSeen] = useState(/** @type {{page: string, text?: string, error?: any}} */ ({ page: "" }));
  useEffect(() => {
    let wanted = true;
    file(`docs/${page}.md`).then((text) => wanted && setSeen({ page, text }), (error) => wanted && setSeen({ page, error }));
    return () => { wanted = false; };
  }, [page]);
  useEffect(() => {
    const target = location.hash && document.getElementById(location.hash.slice(1));
    if (target) { target.scrollIntoView(); target.focus({ preventScroll: true }); }
  }, [seen, place]);
  ctx.useTitle(PAGES.find(([name]) => name === page)?.[1] ?? "Guide");
  const known = seen.page === page ? seen : null;
  return html`<div class="guide"><nav aria-label="Guide"><ul>${PAGES.map(([name, title]) => html`
      <li key=${name}><a href="/ui/docs/${name}" aria-current=${name === page ? "page" : undefined}>${title}</a></li>`)}</ul></nav>
    <div>${known?.error ? html`<h1 tabindex="-1">Guide</h1><${Trouble} error=${known.error} />`
      : known?.text ? html`<${Prose} text=${known.text} />` : html`<h1 tabindex="-1">Guide</h1><${Loading} what="the page" />`}</div></div>`;
}
