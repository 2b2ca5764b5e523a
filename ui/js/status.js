// The one table from the platform's words to how they look. A state is always a shape and a word; colour comes third.
// A test walks the enumerations of the API: none may lack an entry.

/** @typedef {"ok" | "working" | "attention" | "bad" | "unknown" | "hold" | "quiet"} Look */

/** @type {Record<Look, string[]>} */
const WORDS = {
  ok: ["Provisioned", "Healthy", "Completed", "Succeeded", "Passed", "Resolved", "Active", "Enforced", "Complete", "Applied",
       "Bound", "Published"],
  working: ["Provisioning", "InProgress", "Running", "Remediating", "Requested", "Configuring", "RollingOut", "HealthGating",
            "Promoting", "RollingBack", "Decommissioning", "Pending", "NotStarted", "Rotating"],
  attention: ["Degraded", "RolledBack", "Inconclusive", "Partial", "High", "Reopened", "Medium", "Open", "Drift"],
  bad: ["Failed", "Unhealthy", "Error", "Critical", "Overdue"],
  unknown: ["Unknown", "Stale", "Never", "Incomplete"],
  hold: ["Hold", "Waits", "Suspended", "Paused", "Acknowledged", "AcceptedUntil"],
  quiet: ["Decommissioned", "Canceled", "Low"],
};

/** @type {Map<string, Look>} */
const LOOKS = new Map(Object.entries(WORDS).flatMap(([look, words]) => words.map((word) => [word, /** @type {Look} */ (look)])));

/** What a word looks like; what the table does not have is unknown, never well. @param {string | undefined | null} word */
export function lookOf(word) {
  return LOOKS.get(word ?? "") ?? "unknown";
}

/** @param {string} word */
export function isKnown(word) {
  return LOOKS.has(word);
}

/** "RolledBack" as people write it. @param {string} word */
export function worded(word) {
  return word.replace(/(?<=[a-z])(?=[A-Z])/g, " ").replace(/ (?=[A-Z])(.)/g, (_, letter) => ` ${letter.toLowerCase()}`);
}

/** The shapes, 16 by 16, drawn in the current colour. @type {Record<Look, string>} */
export const SHAPES = {
  ok: "M8 1a7 7 0 1 0 0 14A7 7 0 0 0 8 1m3.8 5-4.6 5.2L4.3 8.6l1-1.1 1.8 1.6 3.5-4z",
  working: "M8 1a7 7 0 1 0 0 14A7 7 0 0 0 8 1m0 1.6v10.8A5.4 5.4 0 0 1 8 2.6",
  attention: "M8 1 .8 14.5h14.4zM7.2 6h1.6v4.4H7.2zm0 5.6h1.6v1.5H7.2z",
  bad: "M5 1h6l4 4v6l-4 4H5l-4-4V5zm.9 3.8L4.8 5.9 6.9 8l-2.1 2.1 1.1 1.1L8 9.1l2.1 2.1 1.1-1.1L9.1 8l2.1-2.1-1.1-1.1L8 6.9z",
  unknown: "M7.2 1h1.6v1.5H7.2zM3 2.3l1.2 1L3 4.6 1.8 3.5zm10 0 1.2 1.2L13 4.6l-1.2-1.3zM1 7.2h1.5v1.6H1zm12.5 0H15v1.6h-1.5zM3 11.4l1.2 1.3-1.2 1-1.2-1.2zm10 0 1.2 1.1-1.2 1.2-1.2-1zM7.2 13.5h1.6V15H7.2zM8 4a2.6 2.6 0 0 1 2.6 2.5c0 1.7-1.8 1.8-1.8 3H7.2c0-2 1.8-2.2 1.8-3a1 1 0 0 0-2 0H5.4A2.6 2.6 0 0 1 8 4m-.8 6.4h1.6V12H7.2z",
  hold: "M1 1h14v14H1zm1.6 1.6v10.8h10.8V2.6zM5 4.6h2v6.8H5zm4 0h2v6.8H9z",
  quiet: "M3 7.2h10v1.6H3z",
};
