// Who is signed in. The only module that sees a token: they live in this module's variables and nowhere else; a reload
// loses them and asks the issuer again. During a redirect sessionStorage holds the verifier, the state and where to go back
// to, which open nothing. The access token is opaque (it may be encrypted): scopes come from the token response, the name
// from the id token.
//
// Read scopes until "Enable actions"; after 15 minutes back to them. When a token can no longer be renewed everything
// stops, and says so.

import * as oauth from "../vendor/oauth4webapi.js";
import { returnAddress } from "./router.js";

const PENDING = "runtime-page-sign-in";
const REDIRECT = "/ui/signin";
export const ACTIONS_FOR = 15 * 60_000; // milliseconds

/**
 * @typedef {{issuer: string, clientId: string, scopes: {read: string[], write: string[]}, version: string}} Config
 * @typedef {{phase: "starting" | "out" | "in", name: string, scopes: Set<string>, actionsUntil: number | null,
 *   outSince: number | null, trouble: string | null}} Known
 */

/** @type {Known} */
let known = { phase: "starting", name: "", scopes: new Set(), actionsUntil: null, outSince: null, trouble: null };
/** @type {{access: string, refresh: string | null} | null} */
let tokens = null;
/** @type {Config} */
let config;
/** @type {oauth.AuthorizationServer} */
let server;
/** @type {Set<(known: Known) => void>} */
const listeners = new Set();
/** What is asked for whenever a token is renewed: less than the sign-in granted once actions are off. @type {string[]} */
let wanted = [];
/** @type {Promise<boolean> | null} */
let renewing = null;
/** @type {ReturnType<typeof setTimeout> | undefined} */
let ending;

export function current() {
  return known;
}

/** @param {(known: Known) => void} listener */
export function onChange(listener) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** @param {Partial<Known>} changes */
function become(changes) {
  known = { ...known, ...changes };
  for (const listener of listeners) listener(known);
}

/** Headers with the token, where there is one. @param {Record<string, string>} headers */
export function signed(headers) {
  return tokens ? { ...headers, Authorization: `Bearer ${tokens.access}` } : headers;
}

function insecure() {
  return { [oauth.allowInsecureRequests]: new URL(config.issuer).protocol === "http:" };
}

/**
 * Come back from the issuer, or go there without a word to see whether somebody is signed in.
 * @param {Config} given
 * @param {URL} here
 * @returns {Promise<string | null>} the address to show; null while the browser leaves for the issuer
 */
export async function start(given, here) {
  config = given;
  try {
    const issuer = new URL(config.issuer);
    const found = await oauth.discoveryRequest(issuer, insecure());
    server = await oauth.processDiscoveryResponse(issuer, found);
  } catch {
    become({ phase: "out", trouble: "The issuer cannot be reached: nobody can sign in now." });
    return here.pathname === REDIRECT ? "/ui/" : here.pathname + here.search;
  }
  if (here.pathname === REDIRECT) return arrive(here);
  await leave({ to: here.pathname + here.search, prompt: "none" });
  return null;
}

/** @param {URL} here */
async function arrive(here) {
  const pending = taken();
  const to = returnAddress(pending?.to);
  if (!pending) {
    become({ phase: "out" });
    return to;
  }
  try {
    const answer = oauth.validateAuthResponse(server, client(), here, pending.state);
    const response = await oauth.authorizationCodeGrantRequest(
      server, client(), oauth.None(), answer, location.origin + REDIRECT, pending.verifier, insecure());
    const accepted = await oauth.processAuthorizationCodeResponse(
      server, client(), response, { expectedNonce: pending.nonce });
    wanted = (accepted.scope ?? "").split(" ");
    accept(accepted);
    if (pending.actions) actionsBegin();
  } catch (error) {
    become({ phase: "out", trouble: quiet(error) ? null : "The sign-in did not succeed. Try again." });
  }
  return to;
}

/** @param {unknown} error */
function quiet(error) {
  return error instanceof oauth.AuthorizationResponseError && ["login_required", "interaction_required"].includes(error.error);
}

function taken() {
  const text = sessionStorage.getItem(PENDING);
  sessionStorage.removeItem(PENDING);
  return text ? JSON.parse(text) : null;
}

/** @returns {oauth.Client} */
function client() {
  return { client_id: config.clientId };
}

/** Go to the issuer. @param {{to: string, prompt?: string, actions?: boolean}} wish */
export async function leave({ to, prompt, actions = false }) {
  const verifier = oauth.generateRandomCodeVerifier();
  const [state, nonce] = [oauth.generateRandomState(), oauth.generateRandomNonce()];
  sessionStorage.setItem(PENDING, JSON.stringify({ verifier, state, nonce, to: returnAddress(to), actions }));
  const scopes = ["openid", "profile", ...config.scopes.read, ...(actions ? config.scopes.write : [])];
  const target = new URL(/** @type {string} */ (server.authorization_endpoint));
  const asked = {
    client_id: config.clientId,
    redirect_uri: location.origin + REDIRECT,
    response_type: "code",
    scope: scopes.join(" "),
    state,
    nonce,
    code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
    code_challenge_method: "S256",
    ...(prompt ? { prompt } : {}),
  };
  for (const [name, value] of Object.entries(asked)) target.searchParams.set(name, value);
  location.replace(target);
}

/** @param {oauth.TokenEndpointResponse} answer */
function accept(answer) {
  tokens = { access: answer.access_token, refresh: answer.refresh_token ?? tokens?.refresh ?? null };
  const claims = answer.id_token ? oauth.getValidatedIdTokenClaims(answer) : null;
  const scopes = new Set((answer.scope ?? "").split(" ").filter((scope) => scope.startsWith("runtime.")));
  become({ phase: "in", scopes, name: String(claims?.name ?? claims?.sub ?? known.name), outSince: null, trouble: null });
}

/** A new token for the old one; false when there is none to be had. Whoever asks meanwhile gets the same answer. */
export function renew() {
  renewing ??= refreshed().finally(() => {
    renewing = null;
  });
  return renewing;
}

async function refreshed() {
  if (tokens?.refresh) {
    try {
      const how = { ...insecure(), additionalParameters: { scope: wanted.join(" ") } };
      const response = await oauth.refreshTokenGrantRequest(server, client(), oauth.None(), tokens.refresh, how);
      accept(await oauth.processRefreshTokenResponse(server, client(), response));
      return true;
    } catch {
      // the session is over, or the issuer is away: either way nobody can act in the person's name any more
    }
  }
  expire();
  return false;
}

function expire() {
  tokens = null;
  clearTimeout(ending);
  become({ phase: "out", outSince: Date.now(), scopes: new Set(), actionsUntil: null });
}

function actionsBegin() {
  if (!config.scopes.write.some((scope) => known.scopes.has(scope))) {
    become({ trouble: "You have no permission to act: the issuer granted none of the write scopes." });
    return;
  }
  become({ actionsUntil: Date.now() + ACTIONS_FOR });
  ending = setTimeout(disableActions, ACTIONS_FOR);
}

/** Back to a token that changes nothing. */
export async function disableActions() {
  clearTimeout(ending);
  become({ actionsUntil: null });
  wanted = wanted.filter((scope) => !config.scopes.write.includes(scope));
  await renew();
}

/** Sign out here and at the issuer. */
export function signOut() {
  expire();
  if (!server?.end_session_endpoint) return;
  const target = new URL(server.end_session_endpoint);
  target.searchParams.set("client_id", config.clientId);
  target.searchParams.set("post_logout_redirect_uri", `${location.origin}/ui/`);
  location.assign(target);
}

/** @param {string} scope */
export function may(scope) {
  return known.scopes.has(scope);
}
