import assert from "node:assert/strict";
import { test } from "node:test";

import { decide, rulesOf } from "../../../ui/js/changes.js";
import * as ids from "../../../ui/js/ids.js";
import { anchor, inline, parse } from "../../../ui/js/markdown.js";
import { groups, parametersOf, resolved, scopesOf, shapeOf } from "../../../ui/js/openapi.js";
import { bodyOf, isComplete } from "../../../ui/js/parts/confirm.js";
import { latest, whyOf } from "../../../ui/js/parts/evidence.js";
import { addressOf as docsAddress } from "../../../ui/js/parts/prose.js";
import { read, returnAddress, withQuery } from "../../../ui/js/router.js";
import { isKnown, lookOf, SHAPES, worded } from "../../../ui/js/status.js";
import * as time from "../../../ui/js/time.js";
import { reasonOf, triage } from "../../../ui/js/triage.js";

const ENV = "env-0123456789abcdef";
const OWN = "0123456789abcdeffedcba9876543210";

test("an id of any kind leads to its screen", () => {
  assert.equal(ids.addressOf(ENV), `/ui/e/${ENV}`);
  assert.equal(ids.addressOf(` dep-${OWN}\n`), `/ui/d/dep-${OWN}`);
  assert.equal(ids.addressOf(`op-${OWN}`), `/ui/o/op-${OWN}`);
  assert.equal(ids.addressOf(`drift-${OWN}`), `/ui/e/${ENV}/drift?finding=drift-${OWN}`);
  for (const kind of ["cfg", "sec", "scl"]) assert.equal(ids.addressOf(`${kind}-${OWN}`), `/ui/e/${ENV}?more=${kind}-${OWN}`);
});

test("what is no id leads nowhere", () => {
  for (const text of ["", "env-", `env-${OWN}`, "dep-0123456789abcdef", "evt-1", `DEP-${OWN}`, `op-${OWN}/../x`]) {
    assert.equal(ids.addressOf(text), null, text);
  }
});

test("every address of the page has its screen, and others none", () => {
  const screens = { "/ui/": "attention", "/ui": "attention", [`/ui/e/${ENV}`]: "environment", [`/ui/e/${ENV}/drift`]: "drift",
    [`/ui/e/${ENV}/timeline`]: "timeline", [`/ui/d/dep-${OWN}`]: "rollout", [`/ui/o/op-${OWN}`]: "operation", "/ui/docs": "docs",
    "/ui/docs/errors": "docs", "/ui/api": "api", [`/ui/go/op-${OWN}`]: "go", "/ui/e/x": "nowhere", "/ui/docs/../x": "nowhere" };
  for (const [address, screen] of Object.entries(screens)) assert.equal(read(address).screen, screen, address);
});

test("a filter changes its own part of the address alone", () => {
  const place = read("/ui/?stage=prod&q=book");
  assert.equal(withQuery(place, { q: null, all: "true" }), "/ui/?stage=prod&all=true");
  assert.equal(withQuery(place, { stage: "", q: "" }), "/ui/");
});

test("a sign-in leads back to this page and to no other", () => {
  assert.equal(returnAddress(`/ui/e/${ENV}?service=a`), `/ui/e/${ENV}?service=a`);
  for (const bad of [null, "", "https://evil.example/ui/", "//evil.example", "/ui//evil.example", "/v1/runtime", "/ui/signin?code=1",
    "/ui/\\evil", "/ui/\n"]) assert.equal(returnAddress(bad), "/ui/", String(bad));
});

test("every look has a shape of its own", () => {
  const shapes = Object.values(SHAPES);
  assert.equal(new Set(shapes).size, shapes.length);
});

test("a word that the table does not have is unknown, never well", () => {
  assert.equal(lookOf("Splendid"), "unknown");
  assert.equal(lookOf(undefined), "unknown");
  assert.ok(!isKnown("Splendid"));
  assert.equal(worded("RolledBack"), "Rolled back");
  assert.equal(worded("Healthy"), "Healthy");
});

test("times are UTC, with the date where it is another day", () => {
  const noon = Date.parse("2026-03-01T12:00:00Z");
  assert.equal(time.clock("2026-03-01T09:08:07.5Z", noon), "09:08:07");
  assert.equal(time.clock("2026-02-28T09:08:07Z", noon), "2026-02-28 09:08");
  assert.equal(time.relative("2026-03-01T11:46:00Z", noon), "14 min ago");
  assert.equal(time.relative("2026-03-01T12:27:00Z", noon), "in 27 min");
  assert.equal(time.relative("2026-03-01T11:59:52Z", noon), "8 s ago");
  assert.equal(time.relative("never", noon), "");
  assert.equal(time.span(7300), "2 h");
  assert.equal(time.countdown(872.9), "14:32");
  assert.equal(time.countdown(-1), "0:00");
});

test("ages follow the server's clock", () => {
  const local = Date.now();
  time.learn(new Date(local + 3_600_000).toUTCString(), local);
  assert.ok(Math.abs(time.now() - Date.now() - 3_600_000) < 2500);
  time.learn(new Date(local).toUTCString(), local);
  time.learn("nonsense", local);
  assert.ok(Math.abs(time.now() - Date.now()) < 2500);
});

test("Markdown becomes a tree, and nothing in it markup", () => {
  const blocks = parse("# A & B\n\nSome **bold `x`** and [a link](errors.md#x).\nmore\n\n- one\n- two\n  more\n\n1. first\n\n```sh\n# no\n```\n\n| a | b |\n|---|---|\n| 1 | `x \\| y` |\n");
  assert.deepEqual(blocks.map((one) => one.kind), ["heading", "paragraph", "list", "list", "code", "table"]);
  assert.equal(blocks[0].id, "a--b");
  assert.deepEqual(blocks[2].items.map((item) => item[0].text), ["one", "two more"]);
  assert.ok(blocks[3].ordered);
  assert.deepEqual(blocks[5].rows[0][1], [{ kind: "code", text: "x | y" }]);
  assert.deepEqual(inline("<img onerror=x>"), [{ kind: "text", text: "<img onerror=x>" }]);
  assert.equal(anchor("NotFound"), "notfound");
  assert.equal(docsAddress("errors.md#x"), "/ui/docs/errors#x");
  assert.equal(docsAddress("https://example.com"), "https://example.com");
});

const summary = { services: 9, unhealthy: 0, degraded: 0, unknown: 0, stale: 0, openFindings: 0, highestSeverity: null, asOf: "2026-03-01T12:00:00Z" };
const environment = (changes = {}, more = {}) => ({ environmentId: ENV, name: "a", stage: "prod", projectId: "p", status: "Provisioned",
  ...changes, summary: { ...summary, ...more } });

test("why an environment needs a person, the worst reason first", () => {
  assert.equal(reasonOf(environment()), null);
  assert.equal(reasonOf(environment({}, { degraded: 3 })), null);
  assert.equal(reasonOf(environment({}, { highestSeverity: "Medium" })), null);
  assert.equal(reasonOf(environment({ status: "Failed" }))?.word, "Failed");
  assert.equal(reasonOf(environment({ hold: { since: "x", reason: "" } }, { unhealthy: 1 }))?.word, "Unhealthy");
  assert.equal(reasonOf(environment({ hold: { since: "x", reason: "gate" } }))?.why, "gate");
  assert.equal(reasonOf(environment({}, { highestSeverity: "High", openFindings: 1 }))?.why, "1 finding, the highest High");
  assert.equal(reasonOf(environment({}, { operationWaits: true }))?.word, "Waits");
  assert.equal(reasonOf(environment({}, { bindingStatus: "Suspended" }))?.why, "its tenant binding is Suspended");
  assert.equal(reasonOf(environment({ status: "Provisioning" }, { bindingStatus: "Pending" })), null);
  assert.equal(reasonOf(environment({ status: "Decommissioned", hold: { since: "x", reason: "" } })), null);
  assert.equal(reasonOf(environment({}, { stale: 3 }))?.why, "health evidence is old for 3 of 9 services");
});

test("an operation that waits for a person or is late needs one; the others are the platform's", () => {
  const now = Date.parse("2026-03-01T12:00:00Z");
  const operation = (id, more) => ({ operationId: `op-${id.repeat(16)}0000000000000000`, kind: "Deploy", mustSettleBy: "2026-03-01T12:10:00Z", ...more });
  const late = operation("1", { mustSettleBy: "2026-03-01T11:59:00Z" });
  const waits = operation("2", { waitingFor: "a person: retry judges again" });
  const fine = operation("3", {});
  const { person, working } = triage([], [late, waits, fine], now);
  assert.deepEqual(person.map((row) => row.word), ["Waits", "Overdue"]);
  assert.deepEqual(working.map((one) => one.operation), [fine]);
});

test("production comes before the rest, and the order does not flap", () => {
  const those = [environment({ environmentId: "env-1", name: "b", stage: "dev", status: "Failed" }),
    environment({ environmentId: "env-2", name: "c" }, { stale: 1 }), environment({ environmentId: "env-3", name: "a" }, { stale: 1 })];
  const names = (list) => triage(list, [], 0).person.map((row) => row.name);
  assert.deepEqual(names(those), ["a", "c", "b"]);
  assert.deepEqual(names([...those].reverse()), ["a", "c", "b"]);
});

test("evidence: the last sample of each service, the worst first, with its reason", () => {
  const sample = (serviceId, status, more = {}) => ({ serviceId, status, checks: [], evaluatedAt: "x", ...more });
  const samples = [sample("a", "Unhealthy"), sample("b", "Unhealthy", { checks: [{ name: "sql", status: "Unhealthy" }], detail: "timeout" }), sample("a", "Healthy")];
  assert.deepEqual(latest(samples).map((one) => [one.serviceId, one.status]), [["b", "Unhealthy"], ["a", "Healthy"]]);
  assert.equal(whyOf(samples[1]), "sql: Unhealthy, timeout");
  assert.equal(whyOf(sample("a", "Healthy", { checks: [{ name: "sql", status: "Healthy", durationMs: 12.4 }] })), "sql 12 ms");
});

test("a change says what it needs before it may be tried", () => {
  const accept = decide({ stage: "prod" }, { findingId: "drift-1", environmentId: ENV, kind: "MissingService", serviceId: "a" }, "accept");
  assert.equal(accept.path, `/drift/${ENV}/findings/drift-1/accept`);
  assert.ok(accept.prod);
  assert.ok(!isComplete(accept.fields, { reason: "sale" }));
  assert.ok(isComplete(accept.fields, { reason: "sale", until: "2026-03-06T18:00" }));
  assert.deepEqual(bodyOf(accept.fields, { reason: "sale", until: "2026-03-06T18:00" }), { until: "2026-03-06T18:00:00Z", reason: "sale" });
  assert.deepEqual(bodyOf([{ name: "reason", label: "" }, { name: "force", label: "", kind: "flag" }], { reason: "", force: false }), {});
});

test("a name that must be typed must be typed whole", () => {
  const fields = [{ name: "confirm", label: "Name", required: true, must: "booking-prod" }];
  assert.ok(!isComplete(fields, {}));
  assert.ok(!isComplete(fields, { confirm: "booking" }));
  assert.ok(isComplete(fields, { confirm: "booking-prod" }));
});

test("ignore rules are one a line, and an empty part fits everything", () => {
  assert.deepEqual(rulesOf("pay, ReplicaCountMismatch, , sale, until Friday\n\n, , , everything"), [
    { serviceId: "pay", kind: "ReplicaCountMismatch", reason: "sale, until Friday" }, { reason: "everything" }]);
});

test("the OpenAPI document by groups, with what its references lead to", () => {
  const document = {
    paths: {
      "/v1/runtime/environments/{environmentId}": { parameters: [{ $ref: "#/components/parameters/id" }],
        get: { tags: ["environments"], security: [{ bearer: ["a"] }, { bearer: ["b"] }], responses: {} } },
      "/alive": { get: { responses: {} } },
    },
    components: { parameters: { id: { name: "environmentId", in: "path", required: true } }, schemas: { A: { type: "object", examples: [{ a: 1 }] } } },
  };
  const [[name, [operation]], [other]] = groups(document);
  assert.deepEqual([name, other, operation.key], ["environments", "alive", "GET /v1/runtime/environments/{environmentId}"]);
  assert.equal(parametersOf(document, operation.said)[0].name, "environmentId");
  assert.deepEqual(scopesOf(operation.said), ["a", "b"]);
  const body = { content: { "application/json": { schema: { $ref: "#/components/schemas/A" } } } };
  assert.deepEqual(shapeOf(document, body, true), { a: 1 });
  assert.equal(shapeOf(document, undefined), null);
  assert.equal(resolved(document, { $ref: "#/no/such/thing" }), undefined);
});
