// What screens hook into: watched resources, the clock, where they are, who is signed in.

import { useEffect, useRef, useState } from "../vendor/hooks.js";
import * as api from "./api.js";
import { Scheduler } from "./poll.js";
import * as session from "./session.js";

export const scheduler = new Scheduler({
  fetch: async (url, etag) => {
    await api.budget.take();
    if (scheduler.still.size > 0) throw { resting: true };
    return api.get(url, etag, { paid: true });
  },
  now: () => Date.now(),
  setTimer: (run, ms) => setTimeout(run, ms),
  clearTimer: (timer) => clearTimeout(timer),
});

/** @type {import("./poll.js").View} */
const NOTHING = { data: null, etag: null, asOf: null, error: null, failures: 0, loading: true };

/**
 * The resource at a path of the API, asked for again every so many seconds.
 * @template T
 * @param {import("../types/routes").Address<T> | null} path null: not yet
 * @param {{every?: number, until?: (data: T) => boolean, again?: unknown}} [how] `until`: once this holds it is not asked
 *   for any more; `again`: ask anew whenever this changes
 * @returns {import("./poll.js").View<T>}
 */
export function useWatch(path, { every = Infinity, until, again = null } = {}) {
  const url = path === null ? null : api.BASE + path;
  const [seen, setSeen] = useState({ url, view: NOTHING });
  const view = seen.url === url ? seen.view : NOTHING; // never what another address said
  const pace = view.data !== null && until?.(view.data) ? Infinity : every * 1000;
  const listener = useRef(/** @type {((view: any) => void) | null} */ (null));
  const before = useRef(again);
  useEffect(() => {
    if (url === null) return undefined;
    listener.current = (/** @type {any} */ given) => setSeen({ url, view: given });
    return scheduler.watch(url, pace, listener.current);
  }, [url]);
  useEffect(() => {
    if (url !== null && listener.current) scheduler.repace(url, listener.current, pace);
  }, [url, pace]);
  useEffect(() => {
    if (url !== null && before.current !== null && before.current !== again) scheduler.refresh(url);
    before.current = again;
  }, [again]);
  return view;
}

export function useSession() {
  const [known, setKnown] = useState(session.current());
  useEffect(() => session.onChange(setKnown), []);
  return known;
}

/** @typedef {{path: string, items: any[], next: string | null | undefined, error: any, busy: boolean}} Older */

/**
 * Pages of a list: the first is watched, older ones are fetched by a button and kept until the address changes.
 * @template {{nextLink?: string}} T
 * @template {keyof T & string} K
 * @param {import("../types/routes").Address<T>} path
 * @param {K} plural where the items are
 * @param {{every?: number, again?: unknown}} [how]
 */
export function usePages(path, plural, how = {}) {
  const first = useWatch(path, how);
  const [older, setOlder] = useState(/** @type {Older} */ ({ path, items: [], next: undefined, error: null, busy: false }));
  /** @type {Older} */
  const kept = older.path === path ? older : { path, items: [], next: undefined, error: null, busy: false };
  const next = kept.next === undefined ? first.data?.nextLink : kept.next;
  async function more() {
    setOlder({ ...kept, busy: true });
    try {
      const link = new URL(/** @type {string} */ (next));
      const page = await api.get(link.pathname + link.search);
      setOlder({ path, items: [...kept.items, ...page.data[plural]], next: page.data.nextLink ?? null, error: null, busy: false });
    } catch (error) {
      setOlder({ ...kept, error, busy: false });
    }
  }
  const newest = /** @type {import("../types/routes").Item<T, K>[]} */ (first.data?.[plural] ?? []);
  return { first, items: [...newest, ...kept.items], next, more, error: kept.error, busy: kept.busy };
}
