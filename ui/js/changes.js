// Every change that the page can ask for, as data: what it is called, where it goes, what it must be told.

/** @typedef {import("./parts/confirm.js").Change & {scope: string}} Offer */

const DEPLOY = "runtime.deployments.write";
const ENVIRONMENT = "runtime.environments.write";
const REASON = { name: "reason", label: "Reason" };
const NEEDED_REASON = { ...REASON, required: true };

/** The write scope of each kind of operation. @type {Record<string, string>} */
const SCOPE_OF = {
  ProvisionEnvironment: ENVIRONMENT,
  DecommissionEnvironment: ENVIRONMENT,
  RotateSecret: "runtime.secrets.write",
  EnforceScaling: "runtime.scaling.write",
};

/** @param {any} environment @returns {Offer} */
export function releaseHold(environment) {
  return { title: "Release the hold", verb: "Release the hold", scope: DEPLOY, prod: environment.stage === "prod",
    path: `/environments/${environment.environmentId}/release-hold`, fields: [REASON],
    note: "The platform may start things by itself here again: sweeps enforce, drift may be remediated." };
}

/** @param {any} environment @returns {Offer} */
export function decommission(environment) {
  return { title: `Decommission ${environment.name}`, verb: "Decommission", scope: ENVIRONMENT, prod: environment.stage === "prod",
    path: `/environments/${environment.environmentId}/decommission`,
    note: "Everything that runs here is removed. This cannot be taken back.",
    fields: [
      { name: "confirm", label: "Name of the environment", required: true, must: environment.name },
      { name: "retainData", label: "Keep the vault and the logs", kind: "flag" },
      { name: "force", label: "Also when something cannot be removed", kind: "flag" },
    ] };
}

/** @param {string} deploymentId @param {boolean} prod @param {string} [told] @returns {Offer} */
export function rollback(deploymentId, prod, told = "what was stable when it began") {
  return { title: "Roll back", verb: "Roll back", scope: DEPLOY, prod, path: `/deployments/${deploymentId}/rollback`,
    fields: [REASON, { name: "toDeploymentId", label: "To deployment", hint: `Left empty: ${told}.` }] };
}

/** @param {string} deploymentId @param {boolean} prod @returns {Offer} */
export function promote(deploymentId, prod) {
  return { title: "Promote in spite of the gate", verb: "Promote", scope: DEPLOY, prod,
    path: `/deployments/${deploymentId}/promote`, fields: [NEEDED_REASON],
    note: "The gate did not pass. The history will say that you went on, and why." };
}

/** @param {any} operation @param {"cancel" | "retry"} action @returns {Offer} */
export function onOperation(operation, action) {
  return { title: action === "cancel" ? "Cancel the operation" : "Retry the operation", verb: action === "cancel" ? "Cancel it" : "Retry it",
    scope: SCOPE_OF[operation.kind] ?? DEPLOY, path: `/operations/${operation.operationId}/${action}`, fields: [REASON],
    note: action === "cancel" ? "What was done so far is taken back." : undefined };
}

/** @param {any} binding @param {boolean} prod @returns {Offer} */
export function rotate(binding, prod) {
  return { title: `Rotate the secrets of ${binding.serviceId}`, verb: "Rotate", scope: "runtime.secrets.write", prod,
    path: `/secret-bindings/${binding.secretBindingId}/rotate`, fields: [] };
}

/** @param {any} policy @param {"pause" | "resume"} action @param {boolean} prod @returns {Offer} */
export function onPolicy(policy, action, prod) {
  return { title: `${action === "pause" ? "Pause" : "Resume"} scaling of ${policy.serviceId}`, verb: action === "pause" ? "Pause" : "Resume",
    scope: "runtime.scaling.write", prod, path: `/scaling-policies/${policy.scalingPolicyId}/${action}`, fields: [REASON] };
}

/** @param {any} environment @param {any} finding @param {"acknowledge" | "accept" | "adopt" | "remediate"} action @returns {Offer} */
export function decide(environment, finding, action) {
  const what = `${finding.kind}${finding.serviceId ? ` of ${finding.serviceId}` : ""}`;
  const until = { name: "until", label: "Until (UTC)", kind: /** @type {const} */ ("datetime"), required: true };
  const told = {
    acknowledge: { verb: "Acknowledge", fields: [NEEDED_REASON], note: "Says that somebody knows. Nothing changes." },
    accept: { verb: "Accept", fields: [until, NEEDED_REASON], note: "Until then this difference is no finding." },
    adopt: { verb: "Adopt", fields: [REASON], note: "What runs becomes what is wanted." },
    remediate: { verb: "Remediate", fields: [REASON], note: "What is wanted is applied again, with a gate and a way back." },
  }[action];
  return { title: `${told.verb}: ${what}`, scope: DEPLOY, prod: environment?.stage === "prod", ...told,
    path: `/drift/${finding.environmentId}/findings/${finding.findingId}/${action}` };
}

/** @param {string} environmentId @param {any[]} rules @param {boolean} prod @returns {Offer} */
export function ignoreRules(environmentId, rules, prod) {
  return { title: "Replace the ignore rules", verb: "Replace the rules", scope: DEPLOY, prod, method: "PUT",
    path: `/drift/${environmentId}/ignore-rules`,
    fields: [{ name: "rules", label: "Rules, one a line: service, kind, field, reason", kind: "lines",
      hint: "An empty part fits everything. A reason is needed: payments, ReplicaCountMismatch, , sale until Friday. "
        + `Now: ${rules.length === 0 ? "no rule" : rules.map(ruleLine).join(" | ")}` }],
    body: (values) => ({ rules: rulesOf(values.rules ?? rules.map(ruleLine).join("\n")) }) };
}

/** @param {any} rule */
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
