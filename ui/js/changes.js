// Every change that the page can ask for, as data: what it is called, where it goes, what it must be told.

import { filled } from "./routes.js";

/** @typedef {import("./parts/confirm.js").Change & {scope: string}} Offer */
/** @typedef {import("./parts/confirm.js").Field} Field */
/** @typedef {import("../types/routes").Schemas} Schemas */
/** @typedef {Schemas["IgnoreRule-Output"]} Rule */

/**
 * A change by its route; what may be filled in are members of what the route takes.
 * @template {import("../types/routes").Writes<"post">} P
 * @param {P} route
 * @param {import("../types/routes").Filled<P>} params
 * @param {Omit<Offer, "path" | "fields"> & {fields: (Field & {name: keyof import("../types/routes").Body<P, "post">})[]}} told
 * @returns {Offer}
 */
function offered(route, params, told) {
  return { ...told, path: filled(route, params) };
}

const DEPLOY = "runtime.deployments.write";
const ENVIRONMENT = "runtime.environments.write";
const REASON = { name: /** @type {const} */ ("reason"), label: "Reason" };
const NEEDED_REASON = { ...REASON, required: true };

const VERBS = { acknowledge: "Acknowledge", accept: "Accept", adopt: "Adopt", remediate: "Remediate" };

/** The write scope of each kind of operation. @type {Record<string, string>} */
const SCOPE_OF = {
  ProvisionEnvironment: ENVIRONMENT,
  DecommissionEnvironment: ENVIRONMENT,
  RotateSecret: "runtime.secrets.write",
  EnforceScaling: "runtime.scaling.write",
};

/** @param {Schemas["EnvironmentState"]} environment @returns {Offer} */
export function releaseHold(environment) {
  return offered("/environments/{environmentId}/release-hold", environment, {
    title: "Release the hold", verb: "Release the hold", scope: DEPLOY, prod: environment.stage === "prod", fields: [REASON],
    note: "The platform may start things by itself here again: sweeps enforce, drift may be remediated." });
}

/** @param {Schemas["EnvironmentState"]} environment @returns {Offer} */
export function decommission(environment) {
  return offered("/environments/{environmentId}/decommission", environment, {
    title: `Decommission ${environment.name}`, verb: "Decommission", scope: ENVIRONMENT, prod: environment.stage === "prod",
    note: "Everything that runs here is removed. This cannot be taken back.",
    fields: [
      { name: "confirm", label: "Name of the environment", required: true, must: environment.name },
      { name: "retainData", label: "Keep the vault and the logs", kind: "flag" },
      { name: "force", label: "Also when something cannot be removed", kind: "flag" },
    ] });
}

/** @param {string} deploymentId @param {boolean} prod @param {string} [told] @returns {Offer} */
export function rollback(deploymentId, prod, told = "what was stable when it began") {
  return offered("/deployments/{deploymentId}/rollback", { deploymentId }, { title: "Roll back", verb: "Roll back", scope: DEPLOY, prod,
    fields: [REASON, { name: "toDeploymentId", label: "To deployment", hint: `Left empty: ${told}.` }] });
}

/** @param {string} deploymentId @param {boolean} prod @returns {Offer} */
export function promote(deploymentId, prod) {
  return offered("/deployments/{deploymentId}/promote", { deploymentId }, { title: "Promote in spite of the gate", verb: "Promote",
    scope: DEPLOY, prod, fields: [NEEDED_REASON],
    note: "The gate did not pass. The history will say that you went on, and why." });
}

/** @param {Pick<Schemas["OperationOutline"], "operationId" | "kind">} operation @param {"cancel" | "retry"} action @returns {Offer} */
export function onOperation(operation, action) {
  return offered(`/operations/{operationId}/${action}`, operation, {
    title: action === "cancel" ? "Cancel the operation" : "Retry the operation", verb: action === "cancel" ? "Cancel it" : "Retry it",
    scope: SCOPE_OF[operation.kind] ?? DEPLOY, fields: [REASON],
    note: action === "cancel" ? "What was done so far is taken back." : undefined });
}

/** @param {Schemas["BindingState"]} binding @param {boolean} prod @returns {Offer} */
export function rotate(binding, prod) {
  return offered("/secret-bindings/{secretBindingId}/rotate", binding, {
    title: `Rotate the secrets of ${binding.serviceId}`, verb: "Rotate", scope: "runtime.secrets.write", prod, fields: [] });
}

/** @param {Schemas["PolicyState"]} policy @param {"pause" | "resume"} action @param {boolean} prod @returns {Offer} */
export function onPolicy(policy, action, prod) {
  const verb = action === "pause" ? "Pause" : "Resume";
  return offered(`/scaling-policies/{scalingPolicyId}/${action}`, policy, {
    title: `${verb} scaling of ${policy.serviceId}`, verb, scope: "runtime.scaling.write", prod, fields: [REASON] });
}

/** @param {Schemas["EnvironmentState"] | null} environment @param {Schemas["Finding"]} finding @param {"acknowledge" | "accept" | "adopt" | "remediate"} action @returns {Offer} */
export function decide(environment, finding, action) {
  const what = `${finding.kind}${finding.serviceId ? ` of ${finding.serviceId}` : ""}`;
  const until = { name: /** @type {const} */ ("until"), label: "Until (UTC)", kind: /** @type {const} */ ("datetime"), required: true };
  const common = { title: `${VERBS[action]}: ${what}`, verb: VERBS[action], scope: DEPLOY, prod: environment?.stage === "prod" };
  switch (action) {
    case "acknowledge":
      return offered("/drift/{environmentId}/findings/{findingId}/acknowledge", finding,
        { ...common, fields: [NEEDED_REASON], note: "Says that somebody knows. Nothing changes." });
    case "accept":
      return offered("/drift/{environmentId}/findings/{findingId}/accept", finding,
        { ...common, fields: [until, NEEDED_REASON], note: "Until then this difference is no finding." });
    case "adopt":
      return offered("/drift/{environmentId}/findings/{findingId}/adopt", finding,
        { ...common, fields: [REASON], note: "What runs becomes what is wanted." });
    case "remediate":
      return offered("/drift/{environmentId}/findings/{findingId}/remediate", finding,
        { ...common, fields: [REASON], note: finding.serviceId
          ? "What is wanted is applied again, with a gate and a way back."
          : "The engine makes it again as it was made; what runs goes on." });
  }
}

/** @param {string} environmentId @param {Rule[]} rules @param {boolean} prod @returns {Offer} */
export function ignoreRules(environmentId, rules, prod) {
  return { title: "Replace the ignore rules", verb: "Replace the rules", scope: DEPLOY, prod, method: "PUT",
    path: filled(/** @type {import("../types/routes").Writes<"put">} */ ("/drift/{environmentId}/ignore-rules"), { environmentId }),
    fields: [{ name: "rules", label: "Rules, one a line: service, kind, field, reason", kind: "lines",
      initial: rules.map(ruleLine).join("\n"),
      hint: "An empty part fits everything. A reason is needed: payments, ReplicaCountMismatch, , sale until Friday." }],
    body: (values) => ({ rules: rulesOf(values.rules) }) };
}

/** @param {Rule} rule */
function ruleLine(rule) {
  return [rule.serviceId ?? "", rule.kind ?? "", rule.field ?? "", rule.reason].join(", ");
}

/** @param {string} text */
export function rulesOf(text) {
  return text.split("\n").filter((line) => line.trim()).map((line) => {
    const [serviceId = "", kind = "", field = "", ...reason] = line.split(",").map((part) => part.trim());
    const named = Object.entries({ serviceId, kind, field }).filter(([, value]) => value);
    return { ...Object.fromEntries(named), reason: reason.join(", ") };
  });
}
