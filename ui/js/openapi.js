// The OpenAPI document as the page shows it: pure.

const METHODS = ["get", "put", "post", "delete", "patch"];

/** What a reference leads to; the thing itself where it is none. @param {any} document @param {any} thing @returns {any} */
export function resolved(document, thing) {
  if (typeof thing?.$ref !== "string" || !thing.$ref.startsWith("#/")) return thing;
  const found = thing.$ref.slice(2).split("/").reduce(
    (/** @type {any} */ at, /** @type {string} */ part) => at?.[part.replaceAll("~1", "/").replaceAll("~0", "~")], document);
  return resolved(document, found);
}

/**
 * The operations by their first tag, or by the first part of the path below the version.
 * @param {any} document
 * @returns {[string, {key: string, method: string, path: string, said: any}[]][]}
 */
export function groups(document) {
  /** @type {Map<string, any[]>} */
  const found = new Map();
  for (const [path, item] of Object.entries(document.paths ?? {})) {
    for (const method of METHODS.filter((name) => name in item)) {
      const said = { ...item[method], parameters: [...(item.parameters ?? []), ...(item[method].parameters ?? [])] };
      const group = said.tags?.[0] ?? (path.split("/").filter((part) => !["", "v1", "runtime"].includes(part))[0] ?? "other");
      found.set(group, [...(found.get(group) ?? []), { key: `${method.toUpperCase()} ${path}`, method: method.toUpperCase(), path, said }]);
    }
  }
  return [...found];
}

/** @param {any} said @returns {string[]} any of them opens it */
export function scopesOf(said) {
  return [...new Set((said.security ?? []).flatMap((/** @type {any} */ one) => Object.values(one).flat()))];
}

/** @param {any} document @param {any} said */
export function parametersOf(document, said) {
  return (said.parameters ?? []).map((/** @type {any} */ one) => resolved(document, one)).filter(Boolean);
}

/**
 * The example of a body where there is one, else its schema; null for none.
 * @param {any} document @param {any} holder a request body or a response @param {boolean} [example] the example or nothing
 */
export function shapeOf(document, holder, example = false) {
  const content = resolved(document, holder)?.content;
  const media = content && Object.values(content)[0];
  if (!media) return null;
  const first = resolved(document, Object.values(media.examples ?? {})[0]);
  const shown = media.example ?? first?.value ?? resolved(document, media.schema)?.examples?.[0];
  if (shown !== undefined) return shown;
  return example ? null : resolved(document, media.schema);
}
