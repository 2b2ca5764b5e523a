// The only module that fetches. Public routes alone, same origin, the budget in front of every request.

import { Budget } from "./budget.js";
import * as session from "./session.js";
import * as time from "./time.js";

export const BASE = "/v1/runtime";
const KEPT_CALLS = 40;

/** What went wrong, in the API's own words (RFC 9457) or, where it did not answer, in ours. */
export class Problem extends Error {
  /** @param {any} document @param {{retryAfter?: number | null, signedOut?: boolean}} [more] */
  constructor(document, more = {}) {
    super(document.title ?? "The request failed");
    this.status = document.status ?? 0;
    this.code = document.code ?? "Unreachable";
    this.document = document;
    this.retryAfter = more.retryAfter ?? null;
    this.signedOut = more.signedOut ?? false;
    this.final = this.status >= 400 && this.status < 500 && ![408, 425, 429].includes(this.status);
  }
}

const UNREACHABLE = {
  status: 0,
  code: "Unreachable",
  title: "The platform cannot be reached",
  detail: "There was no answer. What you see is what was last known.",
};
const SIGNED_OUT = { status: 401, code: "InvalidToken", title: "Signed out", detail: "Sign in to go on." };

export const budget = new Budget({
  now: () => Date.now(),
  sleep: (ms) => new Promise((done) => setTimeout(done, ms)),
});

/** The calls behind what is shown, newest last. @type {{method: string, url: string, at: number, status: number}[]} */
export const calls = [];

/**
 * @param {string} url @param {string | null} [etag] @param {{paid?: boolean}} [how] `paid`: the budget was asked already
 * @returns {Promise<{status: number, data?: any, etag: string | null, retryAfter: number | null}>}
 */
export async function get(url, etag = null, { paid = false } = {}) {
  const response = await sent("GET", url, etag ? { "If-None-Match": etag } : {}, undefined, paid);
  const data = response.status === 304 ? undefined : await response.json();
  return { status: response.status, data, etag: response.headers.get("ETag"), retryAfter: seconds(response) };
}

/** A file of the page itself, of this version. @param {string} name */
export async function file(name) {
  const response = await fetch(new URL(`../${name}`, import.meta.url));
  if (!response.ok) throw new Problem({ status: response.status, code: "NotFound", title: "There is no such page" });
  return response.text();
}

/** The page's own configuration. @returns {Promise<session.Config>} */
export async function configuration() {
  const response = await fetch("/ui/config.json", { cache: "no-store" });
  if (!response.ok) throw await problemOf(response);
  return response.json();
}

/**
 * A change, or its rehearsal.
 * @param {string} method @param {string} path below /v1/runtime @param {any} body
 * @param {{dryRun?: boolean, key?: string}} how
 */
export async function send(method, path, body, { dryRun = false, key } = {}) {
  const headers = { "Content-Type": "application/json", ...(key && !dryRun ? { "Idempotency-Key": key } : {}) };
  const response = await sent(method, `${BASE}${path}${dryRun ? "?dryRun=true" : ""}`, headers, JSON.stringify(body));
  const operation = response.headers.get("Operation-Location")?.split("/").pop() ?? null;
  return { status: response.status, data: response.status === 204 ? null : await response.json(), operation };
}

/** @param {string} method @param {string} url @param {Record<string, string>} headers @param {string} [body] @param {boolean} [paid] */
async function sent(method, url, headers, body, paid = false) {
  if (!paid) await budget.take();
  const response = await once(method, url, headers, body);
  if (response.status !== 401) return checked(response);
  if (!(await session.renew())) throw new Problem(SIGNED_OUT, { signedOut: true });
  await budget.take();
  const again = await once(method, url, headers, body);
  if (again.status === 401) throw new Problem(SIGNED_OUT, { signedOut: true });
  return checked(again);
}

/** @param {string} method @param {string} url @param {Record<string, string>} headers @param {string} [body] */
async function once(method, url, headers, body) {
  let response;
  try {
    // The browser's own cache would answer 304 with an old body: the ETag is ours to keep.
    const signed = session.signed({ Accept: "application/json", ...headers });
    response = await fetch(url, { method, headers: signed, body, cache: "no-store", credentials: "omit" });
  } catch {
    throw new Problem(UNREACHABLE);
  }
  time.learn(response.headers.get("Date"));
  calls.push({ method, url, at: Date.now(), status: response.status });
  calls.splice(0, calls.length - KEPT_CALLS);
  return response;
}

/** @param {Response} response */
async function checked(response) {
  if (response.ok || response.status === 304) return response;
  throw await problemOf(response);
}

/** @param {Response} response */
async function problemOf(response) {
  let document = { status: response.status, code: "InternalError", title: `The answer was ${response.status}` };
  if (response.headers.get("Content-Type")?.includes("json")) document = { ...document, ...(await response.json()) };
  return new Problem(document, { retryAfter: seconds(response) });
}

/** @param {Response} response */
function seconds(response) {
  const value = Number(response.headers.get("Retry-After") ?? NaN);
  return Number.isFinite(value) ? value : null;
}
