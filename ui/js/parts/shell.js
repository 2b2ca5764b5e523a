// What is around every screen: who, how old, pause, theme, find, actions.

import { html } from "./html.js";
import { Shape } from "./status.js";
import { Countdown, When } from "./when.js";

/** @param {any} props */
export function Header({ known, tenant, asOf, paused, on }) {
  return html`<header class="bar">
    <a class="home" href="/ui/">Runtime Center</a>
    ${tenant && html`<span class="tenant" title="Tenant">tenant <strong dir="auto">${tenant}</strong></span>`}
    <nav aria-label="Main"><a href="/ui/">Attention</a> <a href="/ui/docs">Guide</a> <a href="/ui/api">API</a></nav>
    <span class="grow"></span>
    ${asOf && html`<span class="asof">as of <${When} at=${asOf} local /></span>`}
    <button type="button" onClick=${on.find} aria-keyshortcuts="/">Find</button>
    <button type="button" onClick=${on.pause} aria-pressed=${paused ? "true" : "false"} aria-keyshortcuts="p">${paused ? "Paused" : "Pause"}</button>
    <button type="button" onClick=${on.calls}>Calls</button>
    <button type="button" onClick=${on.help} aria-label="Help and settings" aria-keyshortcuts="?">?</button>
    ${known.phase === "in" ? html`
      ${known.actionsUntil ? html`<button type="button" onClick=${on.disable}>Actions off</button>`
        : html`<button type="button" onClick=${on.enable}>Enable actions</button>`}
      <button type="button" onClick=${on.signOut} title="Signed in as ${known.name}">Sign out <span class="who" dir="auto">${known.name}</span></button>` : ""}
    ${known.phase === "out" && html`<button type="button" class="primary" onClick=${on.signIn}>Sign in</button>`}
  </header>`;
}

/** @param {any} props */
export function Banners({ known, offline, on }) {
  return html`
    ${known.actionsUntil && html`<div class="banner look-hold actions-on"><${Shape} look="hold" />
      <span>Actions on, <${Countdown} until=${known.actionsUntil} /> left. Every change is shown before it is made.</span></div>`}
    ${known.phase === "out" && known.outSince && html`<div class="banner look-attention" role="alert"><${Shape} look="attention" />
      <span>Signed out at <${When} at=${known.outSince} only="clock" local />. Nothing is renewed.</span>
      <button type="button" onClick=${on.signIn}>Continue</button></div>`}
    ${known.trouble && html`<div class="banner look-attention" role="alert"><${Shape} look="attention" /><span>${known.trouble}</span></div>`}
    ${offline && html`<div class="banner look-unknown" role="status"><${Shape} look="unknown" /><span>This machine is offline. What you see is what was last known.</span></div>`}`;
}
