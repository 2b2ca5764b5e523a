// A parsed page of documentation as elements.

import { parse } from "../markdown.js";
import { html } from "./html.js";

/** @param {import("../markdown.js").Inline[]} parts @param {(to: string) => string} address @returns {any[]} */
function words(parts, address) {
  return parts.map((part) => {
    switch (part.kind) {
      case "text":
        return part.text;
      case "code":
        return html`<code>${part.text}</code>`;
      case "link":
        return html`<a href=${address(part.to)}>${words(part.parts, address)}</a>`;
      default:
        return html`<${part.kind}>${words(part.parts, address)}</${part.kind}>`;
    }
  });
}

/** Links between the pages of `docs/operator` lead to where the page shows them. @param {string} to */
export function addressOf(to) {
  if (/^https:/.test(to) || to.startsWith("#")) return to;
  const found = /^(?:\.\/)?([a-z-]+)\.md(#.*)?$/.exec(to);
  return found ? `/ui/docs/${found[1]}${found[2] ?? ""}` : to;
}

/** @param {{text: string}} props */
export function Prose({ text }) {
  const say = (/** @type {any} */ parts) => words(parts, addressOf);
  return html`<article class="prose">${parse(text).map((block) => {
    switch (block.kind) {
      case "heading":
        return html`<${`h${block.level}`} id=${block.id} tabindex="-1">${say(block.parts)}</${`h${block.level}`}>`;
      case "paragraph":
        return html`<p>${say(block.parts)}</p>`;
      case "code":
        return html`<pre tabindex="0"><code>${block.text}</code></pre>`;
      case "list":
        return html`<${block.ordered ? "ol" : "ul"}>${block.items.map((item) => html`<li>${say(item)}</li>`)}</${block.ordered ? "ol" : "ul"}>`;
      default:
        return html`<div class="wide" tabindex="0" role="region" aria-label="Table"><table><thead><tr>${block.head.map((cell) => html`<th scope="col">${say(cell)}</th>`)}</tr></thead>
          <tbody>${block.rows.map((row) => html`<tr>${row.map((cell) => html`<td>${say(cell)}</td>`)}</tr>`)}</tbody></table></div>`;
    }
  })}</article>`;
}
