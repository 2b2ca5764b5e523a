// An instant, absolute and relative. One timer for all of them, and none while the page is hidden.

import { useEffect, useState } from "../../vendor/hooks.js";
import { clock, countdown, now, relative } from "../time.js";
import { html } from "./html.js";

const TICK = 5_000;

/** @type {Set<() => void>} */
const ticking = new Set();
/** @type {ReturnType<typeof setInterval> | null} */
let timer = null;

function arrange() {
  const wanted = ticking.size > 0 && !document.hidden;
  if (wanted && timer === null) timer = setInterval(() => ticking.forEach((tick) => tick()), TICK);
  if (!wanted && timer !== null) {
    clearInterval(timer);
    timer = null;
  }
}

/** Renders again every few seconds. */
export function useTick() {
  const [, set] = useState(0);
  useEffect(() => {
    const tick = () => set((count) => count + 1);
    ticking.add(tick);
    arrange();
    return () => {
      ticking.delete(tick);
      arrange();
    };
  }, []);
}

if (typeof document !== "undefined") document.addEventListener("visibilitychange", arrange);

/** @param {{at: string | number | null | undefined, only?: "clock" | "age", local?: boolean}} props `local`: by this machine's clock */
export function When({ at, only, local = false }) {
  useTick();
  if (at === null || at === undefined || at === "") return html`<span class="faint">never</span>`;
  const iso = new Date(at).toISOString();
  const today = local ? Date.now() : now();
  const absolute = `${clock(at, today)} UTC`;
  if (only === "clock") return html`<time datetime=${iso} title=${relative(at, today)}>${absolute}</time>`;
  if (only === "age") return html`<time datetime=${iso} title=${absolute}>${relative(at, today)}</time>`;
  return html`<time datetime=${iso}>${absolute} <span class="faint">(${relative(at, today)})</span></time>`;
}

/** "settles by 12:21 UTC (in 18 min)". @param {{at: string, word: string}} props */
export function Deadline({ at, word }) {
  useTick();
  const late = new Date(at).getTime() < now();
  return html`<span class=${late ? "status look-bad" : ""}>${late ? "should have settled by" : word} <${When} at=${at} /></span>`;
}

/** @param {{until: number}} props */
export function Countdown({ until }) {
  const [, set] = useState(0);
  useEffect(() => {
    const each = setInterval(() => set((count) => count + 1), 1000);
    return () => clearInterval(each);
  }, []);
  return html`<span role="timer" aria-live="off">${countdown((until - Date.now()) / 1000)}</span>`;
}
