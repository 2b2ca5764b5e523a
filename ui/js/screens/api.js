// The API as its own document tells it, and a place to try it: reads with your token, changes only as a rehearsal.

import { useState } from "../../vendor/hooks.js";
import * as api from "../api.js";
import { groups, parametersOf, scopesOf, shapeOf } from "../openapi.js";
import { html } from "../parts/html.js";
import { Empty, Loading, Trouble } from "../parts/states.js";
import { withQuery } from "../router.js";
import { read } from "../routes.js";
import { useWatch } from "../use.js";

/** @param {{ctx: any, place: import("../router.js").Place}} props */
export function Api({ ctx, place }) {
  const view = useWatch(read("/openapi.json", {}));
  ctx.useTitle("API");
  if (view.data === null) {
    return html`<h1 tabindex="-1">API</h1>${view.error ? html`<p>The description of the API cannot be read here.</p>
      <${Trouble} error=${view.error} retry=${ctx.refresh} />` : html`<${Loading} what="the API" />`}`;
  }
  const document = /** @type {any} */ (view.data);
  const wanted = place.query.get("route") ?? "";
  return html`<h1 tabindex="-1">API <span class="faint">${document.info?.version}</span></h1>
    <p>Everything that this page does, it does with these routes. <a href="/v1/runtime/openapi.json">openapi.json</a></p>
    ${groups(document).map(([name, operations]) => html`<section key=${name} aria-labelledby="group-${name}"><h2 id="group-${name}">${name}</h2>
      ${operations.map((operation) => html`<${Operation} key=${operation.key} document=${document} operation=${operation} ctx=${ctx}
        open=${operation.key === wanted} link=${withQuery(place, { route: operation.key === wanted ? null : operation.key })} />`)}</section>`)}`;
}

/** @param {any} props */
function Operation({ document, operation, ctx, open, link }) {
  const { method, path, said } = operation;
  const scopes = scopesOf(said);
  return html`<article class="operation"><h3><a href=${link} aria-expanded=${open ? "true" : "false"}><span class="method">${method}</span> <code class="breaks">${path}</code></a>
      <span class="faint"> ${said.summary ?? ""}</span></h3>
    ${open && html`<div>
      ${said.description && html`<p>${said.description}</p>`}
      <p>${scopes.length === 0 ? "Open to all." : html`Scope: ${scopes.map((scope, at) => html`${at ? " or " : ""}<code key=${scope}>${scope}</code>`)}.`}
        ${said["x-governed"] && " In production a policy decision is needed."}</p>
      <${Shape} title="Body" schema=${shapeOf(document, said.requestBody)} />
      ${Object.entries(said.responses ?? {}).map(([status, response]) => html`<${Shape} key=${status} title="${status} ${response.description ?? ""}" schema=${shapeOf(document, response)} />`)}
      <${Try} ctx=${ctx} operation=${operation} document=${document} /></div>`}</article>`;
}

/** @param {any} props */
function Shape({ title, schema }) {
  if (!schema) return html`<p>${title}</p>`;
  return html`<details><summary>${title}</summary><pre tabindex="0"><code>${JSON.stringify(schema, null, 2)}</code></pre></details>`;
}

/** @param {any} props */
function Try({ ctx, operation, document }) {
  const { method, path, said } = operation;
  const parameters = parametersOf(document, said).filter((/** @type {any} */ one) => one.in !== "header" && one.name !== "dryRun");
  const example = shapeOf(document, said.requestBody, true);
  const [values, setValues] = useState(/** @type {Record<string, string>} */ ({}));
  const [body, setBody] = useState(example === null ? "" : JSON.stringify(example, null, 2));
  const [seen, setSeen] = useState(/** @type {any} */ (null));
  const reading = method === "GET";
  if (path.includes("/internal/")) return html`<${Empty}>Internal: services call it, people do not.<//>`;
  async function run(/** @type {Event} */ event) {
    event.preventDefault();
    const filled = path.replace(/\{(\w+)\}/g, (/** @type {string} */ _, /** @type {string} */ name) => encodeURIComponent(values[name] ?? ""));
    const query = new URLSearchParams(parameters.filter((/** @type {any} */ one) => one.in === "query" && values[one.name]).map((/** @type {any} */ one) => [one.name, values[one.name]])).toString();
    try {
      const answer = reading ? await api.get(filled + (query ? `?${query}` : ""))
        : await api.send(method, filled.replace(api.BASE, ""), body ? JSON.parse(body) : {}, { dryRun: true });
      setSeen({ answer });
    } catch (error) {
      setSeen({ error: error instanceof SyntaxError ? { message: "The body is not JSON.", document: {} } : error });
    }
  }
  return html`<form class="try" onSubmit=${run} aria-label="Try ${method} ${path}">
    ${parameters.map((/** @type {any} */ one) => html`<p class="field" key=${one.name}><label>${one.name} <span class="faint">${one.in}${one.required ? "" : ", optional"}</span>
      <input value=${values[one.name] ?? ""} required=${one.required} maxlength="256" autocomplete="off"
        onInput=${(/** @type {any} */ input) => setValues({ ...values, [one.name]: input.target.value })} /></label></p>`)}
    ${!reading && html`<p class="field"><label>Body <textarea rows="8" spellcheck=${false} value=${body}
      onInput=${(/** @type {any} */ input) => setBody(input.target.value)}></textarea></label></p>`}
    <button type="submit" disabled=${ctx.known.phase !== "in"}>${reading ? "Try" : "Try without doing it"}</button>
    ${ctx.known.phase !== "in" && html` <span class="faint">Sign in to try it.</span>`}
    ${seen?.error && html`<${Trouble} error=${seen.error} />`}
    ${seen?.answer && html`<pre tabindex="0"><code>${seen.answer.status}\n${JSON.stringify(seen.answer.data, null, 2)}</code></pre>`}</form>`;
}
