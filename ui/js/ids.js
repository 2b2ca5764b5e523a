// Ids as the platform makes them: a kind, 16 digits of the environment, 16 of their own. An id leads to its screen.

const ID = /^(env|dep|cfg|sec|scl|drift|op)-([0-9a-f]{16})([0-9a-f]{16})?$/;

/** @typedef {"env" | "dep" | "cfg" | "sec" | "scl" | "drift" | "op"} Kind */

/**
 * @param {string} text
 * @returns {{kind: Kind, environmentId: string, id: string} | null} null for what is no id of ours
 */
export function read(text) {
  const id = text.trim();
  const found = ID.exec(id);
  if (!found || (found[1] === "env") !== (found[3] === undefined)) return null;
  return { kind: /** @type {Kind} */ (found[1]), environmentId: `env-${found[2]}`, id };
}

/** The page's address for an id; null for what is no id of ours. @param {string} text */
export function addressOf(text) {
  const found = read(text);
  if (!found) return null;
  const environment = `/ui/e/${found.environmentId}`;
  switch (found.kind) {
    case "env":
      return environment;
    case "dep":
      return `/ui/d/${found.id}`;
    case "op":
      return `/ui/o/${found.id}`;
    case "drift":
      return `${environment}/drift?finding=${found.id}`;
    default:
      return `${environment}?more=${found.id}`;
  }
}

/** The beginning and the end, where ids differ. @param {string} id */
export function short(id) {
  return id.length > 20 ? `${id.slice(0, 8)}…${id.slice(-4)}` : id;
}
