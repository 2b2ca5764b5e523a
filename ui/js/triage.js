// What needs a person, what the platform is already at, and why: from the list and the running operations, pure.

/** The worst first. */
const ORDER = ["Failed", "Unhealthy", "Waits", "Overdue", "Hold", "Suspended", "Drift", "Stale"];

/**
 * @typedef {{key: string, word: string, rank: number, name: string, stage: string, why: string, since: string | null,
 *   hold: boolean, href: string, project: string}} Row
 * @typedef {{operation: Operation, environment: Named}} Working
 * @typedef {import("../types/routes").Schemas["EnvironmentItem"]} Item
 * @typedef {Pick<Item, "environmentId" | "name" | "projectId" | "hold"> & {stage: Item["stage"] | ""}} Named
 * @typedef {import("../types/routes").Schemas["OperationOutline"] & Partial<import("../types/routes").Schemas["OperationState"]>} Operation
 */

/** @param {Item} environment @returns {{word: string, why: string, since: string | null} | null} */
export function reasonOf(environment) {
  const { summary, hold } = environment;
  const of = `of ${summary.services} ${summary.services === 1 ? "service" : "services"}`;
  if (environment.status === "Decommissioned") return null;
  if (environment.status === "Failed") return { word: "Failed", why: "provisioning or decommissioning failed", since: null };
  if (summary.unhealthy) return { word: "Unhealthy", why: `${summary.unhealthy} ${of} unhealthy`, since: summary.asOf };
  if (summary.operationWaits) return { word: "Waits", why: "an operation waits for a person, or is late", since: null };
  if (hold) return { word: "Hold", why: hold.reason || "rolled back by itself", since: hold.since };
  if (environment.status !== "Provisioning" && summary.bindingStatus && summary.bindingStatus !== "Active") {
    return { word: "Suspended", why: `its tenant binding is ${summary.bindingStatus}`, since: null };
  }
  if (["Critical", "High"].includes(summary.highestSeverity ?? "")) {
    const findings = `${summary.openFindings} ${summary.openFindings === 1 ? "finding" : "findings"}`;
    return { word: "Drift", why: `${findings}, the highest ${summary.highestSeverity}`, since: summary.lastScan ?? null };
  }
  if (summary.stale) return { word: "Stale", why: `health evidence is old for ${summary.stale} ${of}`, since: summary.asOf };
  return null;
}

/** @param {Operation} operation @param {number} now @returns {{word: string, why: string, since: string | null} | null} */
export function troubleOf(operation, now) {
  if (operation.waitingFor?.startsWith("a person")) {
    return { word: "Waits", why: `waits for ${operation.waitingFor}`, since: operation.lastActionAt ?? null };
  }
  if (Date.parse(operation.mustSettleBy) < now) {
    return { word: "Overdue", why: `${operation.kind} has not settled in time`, since: operation.mustSettleBy };
  }
  return null;
}

/**
 * @param {Item[]} environments those that ask for attention, and any others that are known
 * @param {Operation[]} operations those that run
 * @param {number} now milliseconds
 * @returns {{person: Row[], working: Working[]}}
 */
export function triage(environments, operations, now) {
  const named = new Map(environments.map((one) => [one.environmentId, one]));
  /** @type {Map<string, Row>} */
  const person = new Map();
  for (const one of environments) {
    const reason = reasonOf(one);
    if (reason) person.set(one.environmentId, row(one, reason));
  }
  /** @type {Working[]} */
  const working = [];
  for (const operation of operations) {
    const id = `env-${operation.operationId.slice(3, 19)}`;
    /** @type {Named} */
    const environment = named.get(id) ?? { environmentId: id, name: id, stage: "", projectId: "" };
    const trouble = troubleOf(operation, now);
    if (!trouble) working.push({ operation, environment });
    else if (!person.has(id) || rank(trouble.word) <= rank(person.get(id)?.word ?? "")) {
      person.set(id, row(environment, trouble, `/ui/o/${operation.operationId}`));
    }
  }
  return { person: [...person.values()].sort(worstFirst), working };
}

/** @param {Named} environment @param {{word: string, why: string, since: string | null}} reason @param {string} [href] */
function row(environment, reason, href = `/ui/e/${environment.environmentId}`) {
  return {
    key: environment.environmentId,
    name: environment.name,
    stage: environment.stage,
    project: environment.projectId,
    hold: Boolean(environment.hold),
    rank: rank(reason.word),
    href,
    ...reason,
  };
}

/** @param {string} word */
function rank(word) {
  const at = ORDER.indexOf(word);
  return at < 0 ? ORDER.length : at;
}

/** Production before the rest, then what is worse, then by name: an order that does not flap. @param {Row} a @param {Row} b */
function worstFirst(a, b) {
  return Number(b.stage === "prod") - Number(a.stage === "prod") || a.rank - b.rank || a.name.localeCompare(b.name);
}
