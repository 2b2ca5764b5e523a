// The shell: where we are, who is signed in, what is open, and everything that a screen may ask of it.

import { render } from "../vendor/preact.js";
import { useEffect, useErrorBoundary, useRef, useState } from "../vendor/hooks.js";
import * as api from "./api.js";
import { addressOf } from "./ids.js";
import { listen } from "./keys.js";
import { Confirm } from "./parts/confirm.js";
import { ActionsOff, Calls, Find, Help, NotAllowed } from "./parts/dialogs.js";
import { html } from "./parts/html.js";
import { Banners, Header } from "./parts/shell.js";
import { Empty, Trouble } from "./parts/states.js";
import * as preferences from "./preferences.js";
import * as router from "./router.js";
import { Api } from "./screens/api.js";
import { Attention } from "./screens/attention.js";
import { Docs } from "./screens/docs.js";
import { Drift } from "./screens/drift.js";
import { Environment } from "./screens/environment.js";
import { Followed, Operation } from "./screens/operation.js";
import { Rollout } from "./screens/rollout.js";
import { Timeline } from "./screens/timeline.js";
import * as session from "./session.js";
import { scheduler, useSession } from "./use.js";

const SCREENS = { attention: Attention, environment: Environment, rollout: Rollout, drift: Drift, timeline: Timeline, operation: Operation, docs: Docs, api: Api };
const OPEN_TO_ALL = ["docs", "api", "nowhere"];
const SAY_AT_MOST_EVERY = 10_000; // milliseconds

/** @param {{at: string}} props the address to begin with */
function App({ at }) {
  const known = useSession();
  const [place, setPlace] = useState(() => router.read(at));
  const [dialog, setDialog] = useState(/** @type {any} */ (null));
  const [asOf, setAsOf] = useState(/** @type {{path: string, at: number | null, tenant: string}} */ ({ path: "", at: null, tenant: "" }));
  const [paused, setPaused] = useState(false);
  const [theme, setTheme] = useState(preferences.theme());
  const [keys, setKeys] = useState(preferences.keys());
  const [offline, setOffline] = useState(!navigator.onLine);
  const [said, setSaid] = useState("");
  const main = useRef(/** @type {HTMLElement | null} */ (null));
  const focus = useRef(false);

  /** @param {string} address @param {{replace?: boolean, keepFocus?: boolean}} [how] */
  function go(address, { replace = false, keepFocus = false } = {}) {
    const next = router.read(address);
    if (next.screen === "go") return go(addressOf(decodeURIComponent(next.params.id)) ?? "/ui/nowhere", { replace: true });
    history[replace ? "replaceState" : "pushState"](null, "", address);
    focus.current = !keepFocus && next.path !== place.path;
    setPlace(next);
  }

  const announce = useAnnouncer(setSaid);
  const enable = () => session.leave({ to: place.path + location.search, actions: true });
  const signIn = () => session.leave({ to: place.path + location.search });
  const pause = () => { scheduler.rest("paused", !paused); setPaused(!paused); };
  const on = {
    find: () => setDialog({ kind: "find" }), help: () => setDialog({ kind: "help" }), calls: () => setDialog({ kind: "calls" }),
    pause, enable, signIn, signOut: session.signOut, disable: session.disableActions,
  };
  const ctx = {
    go, announce, known, refresh: () => scheduler.refresh(),
    useTitle, Act,
    useAsOf: (/** @type {any} */ view) => {
      const tenant = tenantOf(view.data);
      useEffect(() => setAsOf((was) => ({ path: place.path, at: view.asOf, tenant: tenant ?? was.tenant })), [view.asOf, place.path]);
    },
    act: (/** @type {any} */ change) => setDialog(known.phase !== "in" || !known.actionsUntil ? { kind: "off", change }
      : session.may(change.scope) ? { kind: "confirm", change } : { kind: "denied", change }),
  };
  acting.current = ctx.act;

  useEffect(() => {
    if (place.screen === "go") go(place.path, { replace: true });
    const back = () => { focus.current = true; setPlace(router.read(location.pathname + location.search)); };
    const line = () => setOffline(!navigator.onLine);
    const hidden = () => scheduler.rest("hidden", document.hidden);
    hidden();
    const heard = /** @type {[EventTarget, string, any][]} */ ([[window, "popstate", back], [window, "online", line], [window, "offline", line], [document, "visibilitychange", hidden]]);
    heard.forEach(([target, name, handler]) => target.addEventListener(name, handler));
    return () => heard.forEach(([target, name, handler]) => target.removeEventListener(name, handler));
  }, []);
  useEffect(() => scheduler.rest("signed out", known.phase !== "in" && !OPEN_TO_ALL.includes(place.screen)), [known.phase, place.screen]);
  useEffect(() => listen({ go, find: on.find, help: on.help, pause }, () => keys && dialog === null), [keys, dialog, paused, place]);
  useEffect(() => {
    if (!focus.current) return;
    focus.current = false;
    /** @type {HTMLElement | null} */ (main.current?.querySelector("h1"))?.focus();
    if (!location.hash) window.scrollTo(0, 0);
  }, [place]);

  const close = () => setDialog(null);
  const asOfHere = asOf.path === place.path ? asOf.at : null;
  return html`<div onClick=${(/** @type {MouseEvent} */ event) => followed(event, go)}>
    <a class="skip" href="#main">Skip to the content</a>
    <${Header} known=${known} tenant=${asOf.tenant} asOf=${asOfHere} paused=${paused} on=${on} />
    <${Banners} known=${known} offline=${offline} on=${on} />
    <main id="main" ref=${main} tabindex="-1"><${Guarded} key=${place.path}><${Screen} ctx=${ctx} place=${place} known=${known} on=${on} asOf=${asOf} /><//></main>
    <div class="sr-only" role="status" aria-live="polite">${said}</div>
    ${dialog?.kind === "find" && html`<${Find} find=${addressOf} go=${go} onClose=${close} />`}
    ${dialog?.kind === "help" && html`<${Help} keys=${keys} setKeys=${(/** @type {boolean} */ value) => { preferences.setKeys(value); setKeys(value); }}
      theme=${theme} setTheme=${(/** @type {string} */ value) => { preferences.setTheme(value); setTheme(value); }} onClose=${close} />`}
    ${dialog?.kind === "calls" && html`<${Calls} calls=${api.calls} origin=${location.origin} onClose=${close} />`}
    ${dialog?.kind === "off" && html`<${ActionsOff} title=${dialog.change.title} enable=${known.phase === "in" ? enable : signIn} onClose=${close} />`}
    ${dialog?.kind === "denied" && html`<${NotAllowed} title=${dialog.change.title} scope=${dialog.change.scope} onClose=${close} />`}
    ${dialog?.kind === "confirm" && html`<${Confirm} key=${dialog.change.path} change=${dialog.change} send=${api.send} onClose=${close}
      onDone=${() => scheduler.refresh()} follow=${(/** @type {string} */ id) => html`<${Followed} id=${id} />`} />`}
  </div>`;
}

/** A screen, or why there is none. @param {any} props */
function Screen({ ctx, place, known, on, asOf }) {
  const Shown = /** @type {Record<string, any>} */ (SCREENS)[place.screen] ?? Nowhere;
  if (known.phase === "out" && !OPEN_TO_ALL.includes(place.screen) && asOf.at === null) {
    return html`<h1 tabindex="-1">Sign in</h1><p>What runs, what is on fire, and what the platform does about it: for people of your tenant.</p>
      <p><button type="button" class="primary" onClick=${on.signIn}>Sign in</button></p>`;
  }
  return html`<${Shown} ctx=${ctx} place=${place} />`;
}

function Nowhere() {
  useTitle("Not found");
  return html`<h1 tabindex="-1">There is nothing here</h1><${Empty}>The address is none of this page's, or the id is none of the platform's.
    ${" "}<a href="/ui/">What needs a person</a><//>`;
}

/** A screen that fails says so, and the shell stays. @param {any} props */
function Guarded({ children }) {
  const [error, reset] = useErrorBoundary();
  if (!error) return children;
  return html`<h1 tabindex="-1">This screen failed</h1><${Trouble} error=${{ message: "A defect of the page, not of the platform.", document: {}, code: "PageDefect" }} retry=${reset} />`;
}

const acting = { current: (/** @type {any} */ _change) => {} };

/** The button of a change. @param {{change: any, label: string, about?: string, small?: boolean}} props */
function Act({ change, label, about, small }) {
  return html`<button type="button" class=${small ? "small" : ""} aria-label=${about ? `${label} ${about}` : undefined}
    onClick=${() => acting.current(change)}>${label}</button>`;
}

/** @param {string} title */
function useTitle(title) {
  useEffect(() => { document.title = title ? `${title} · Runtime Center` : "Runtime Center"; }, [title]);
}

/** @param {any} data */
function tenantOf(data) {
  return data?.tenantId ?? data?.environments?.[0]?.tenantId ?? null;
}

/** One polite message at a time, not more often than every ten seconds. @param {(text: string) => void} say */
function useAnnouncer(say) {
  const last = useRef(0);
  return (/** @type {string} */ text) => {
    if (Date.now() - last.current < SAY_AT_MOST_EVERY) return;
    last.current = Date.now();
    say(text);
  };
}

/** Links within the page do not leave it. @param {MouseEvent} event @param {(address: string) => void} go */
function followed(event, go) {
  const link = /** @type {Element} */ (event.target).closest?.("a[href]");
  if (!(link instanceof HTMLAnchorElement) || event.defaultPrevented || event.button !== 0) return;
  if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
  if (link.origin !== location.origin || !link.pathname.startsWith("/ui")) return;
  if (link.hash && link.pathname === location.pathname) return;
  event.preventDefault();
  go(link.pathname + link.search + link.hash);
}

async function begin() {
  const root = /** @type {HTMLElement} */ (document.getElementById("page"));
  try {
    const at = await session.start(await api.configuration(), new URL(location.href));
    if (at === null) return; // the browser is on its way to the issuer
    if (at !== location.pathname + location.search) history.replaceState(null, "", at);
    root.replaceChildren();
    render(html`<${App} at=${at} />`, root);
  } catch (error) {
    root.replaceChildren();
    render(html`<main class="alone"><h1>Runtime Center</h1><${Trouble} error=${error} retry=${() => location.reload()} /></main>`, root);
  }
}

preferences.apply();
begin();
