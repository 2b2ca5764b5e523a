// The API's routes as the page asks for them. A route, a parameter or a field that the API no longer has does not pass the
// checker: the types are made of its own description.

/** @typedef {import("../types/routes").Reads} Reads */

/**
 * The address of what is read.
 * @template {Reads} P
 * @param {P} route
 * @param {import("../types/routes").Filled<P>} params
 * @param {import("../types/routes").Query<P>} [query] what is empty is left out
 * @returns {import("../types/routes").Address<import("../types/routes").Answer<P>>}
 */
export function read(route, params, query) {
  const given = Object.entries(query ?? {}).filter(([, value]) => value !== undefined && value !== "");
  const asked = new URLSearchParams(given.map(([name, value]) => [name, String(value)])).toString();
  return filled(route, params) + (asked && `?${asked}`);
}

/** A route with its parameters in their places. @param {string} route @param {Record<string, string>} params */
export function filled(route, params) {
  return route.replace(/\{(\w+)\}/g, (_, name) => encodeURIComponent(params[name]));
}
