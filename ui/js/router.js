// From an address to a screen and back. The address says everything: what is shown, the filters, the wave, the finding.

const ROUTES = [
  [/^\/ui\/?$/, "attention"],
  [/^\/ui\/e\/(?<environment>env-[0-9a-f]{16})$/, "environment"],
  [/^\/ui\/e\/(?<environment>env-[0-9a-f]{16})\/drift$/, "drift"],
  [/^\/ui\/e\/(?<environment>env-[0-9a-f]{16})\/timeline$/, "timeline"],
  [/^\/ui\/d\/(?<deployment>dep-[0-9a-f]{32})$/, "rollout"],
  [/^\/ui\/o\/(?<operation>op-[0-9a-f]{32})$/, "operation"],
  [/^\/ui\/go\/(?<id>[^/]+)$/, "go"],
  [/^\/ui\/docs(?:\/(?<page>[a-z-]+))?$/, "docs"],
  [/^\/ui\/api$/, "api"],
  [/^\/ui\/signin$/, "signin"],
];

/** @typedef {{screen: string, params: Record<string, string>, query: URLSearchParams, path: string}} Place */

/** @param {string} address path and query @returns {Place} */
export function read(address) {
  const url = new URL(address, "http://page.invalid");
  for (const [pattern, screen] of ROUTES) {
    const found = /** @type {RegExp} */ (pattern).exec(url.pathname);
    if (found) {
      return { screen: String(screen), params: { ...found.groups }, query: url.searchParams, path: url.pathname };
    }
  }
  return { screen: "nowhere", params: {}, query: url.searchParams, path: url.pathname };
}

/** The address with other query members; null takes one away. @param {Place} place @param {Record<string, string | null>} changes */
export function withQuery(place, changes) {
  const query = new URLSearchParams(place.query);
  for (const [name, value] of Object.entries(changes)) {
    if (value === null || value === "") query.delete(name);
    else query.set(name, value);
  }
  const text = query.toString();
  return place.path + (text ? `?${text}` : "");
}

/** Where a sign-in may lead back to: this page, and no other. @param {string | null | undefined} address */
export function returnAddress(address) {
  const safe = typeof address === "string" && /^\/ui\/(?!\/)[\x21-\x7e]*$/.test(address) && !address.includes("\\");
  return safe && read(address).screen !== "signin" ? address : "/ui/";
}
