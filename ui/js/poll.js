// The one scheduler. Whoever shows a resource watches its address; the scheduler asks for it, with the ETag it has, when it
// is due, and never twice at once. Nothing else in the page repeats a request.
//
// Hidden or paused: no request at all, and one for each on return. Signed out: none until somebody signs in. A failure
// backs off from 2 to 60 s on that address alone; Retry-After is obeyed. Data that could not be renewed stays, and says how
// old it is.

const JITTER = 0.1;
const FIRST_BACKOFF = 2_000;
const LONGEST_BACKOFF = 60_000;

/**
 * @template [T=any] what is answered there
 * @typedef {{data: T | null, etag: string | null, asOf: number | null, error: any, failures: number, loading: boolean}} View
 */

/**
 * @typedef {{url: string, every: number, due: number, view: View, busy: boolean,
 *   listeners: Map<(view: View) => void, number>}} Watch
 * @typedef {{status: number, data?: any, etag?: string | null, retryAfter?: number | null}} Answer
 */

export class Scheduler {
  /**
   * @param {object} outside
   * @param {(url: string, etag: string | null) => Promise<Answer>} outside.fetch rejects with `{status, retryAfter, signedOut}`
   * @param {() => number} outside.now
   * @param {(run: () => void, ms: number) => any} outside.setTimer
   * @param {(timer: any) => void} outside.clearTimer
   * @param {() => number} [outside.random]
   */
  constructor({ fetch, now, setTimer, clearTimer, random = Math.random }) {
    this.fetch = fetch;
    this.now = now;
    this.setTimer = setTimer;
    this.clearTimer = clearTimer;
    this.random = random;
    /** @type {Map<string, Watch>} */
    this.watches = new Map();
    /** @type {Set<string>} */
    this.still = new Set(); // why nothing is asked: "hidden", "paused", "signed out"
    /** @type {any} */
    this.timer = null;
  }

  /**
   * @param {string} url
   * @param {number} every milliseconds; Infinity: once, and when told to
   * @param {(view: View) => void} listener
   * @returns {() => void} to stop
   */
  watch(url, every, listener) {
    let watch = this.watches.get(url);
    if (!watch) {
      const view = { data: null, etag: null, asOf: null, error: null, failures: 0, loading: true };
      watch = { url, every, due: 0, busy: false, view, listeners: new Map() };
      this.watches.set(url, watch);
    }
    watch.listeners.set(listener, every);
    this.pace(watch);
    listener(watch.view);
    this.plan();
    return () => this.leave(url, listener);
  }

  /** @param {string} url @param {(view: View) => void} listener */
  leave(url, listener) {
    const watch = this.watches.get(url);
    if (!watch) return;
    watch.listeners.delete(listener);
    if (watch.listeners.size === 0) this.watches.delete(url);
    else this.pace(watch);
    this.plan();
  }

  /** From now on as often as this. @param {string} url @param {(view: View) => void} listener @param {number} every */
  repace(url, listener, every) {
    const watch = this.watches.get(url);
    if (!watch?.listeners.has(listener) || watch.listeners.get(listener) === every) return;
    watch.listeners.set(listener, every);
    this.pace(watch);
    this.plan();
  }

  /** As often as the most curious of its listeners wants. @param {Watch} watch */
  pace(watch) {
    const every = Math.min(...watch.listeners.values());
    if (every === watch.every) return;
    watch.every = every;
    if (watch.view.asOf !== null && watch.view.failures === 0) watch.due = watch.view.asOf + every;
  }

  /** Ask again now: one address, or everything that is shown. @param {string} [url] */
  refresh(url) {
    for (const watch of this.watches.values()) if (url === undefined || watch.url === url) watch.due = this.now();
    this.plan();
  }

  /** @param {string} reason @param {boolean} on */
  rest(reason, on) {
    const was = this.still.size > 0;
    if (on) this.still.add(reason);
    else this.still.delete(reason);
    if (was && this.still.size === 0) this.refresh();
    else this.plan();
  }

  /** Forget what was seen: somebody else may be signed in now. */
  forget() {
    for (const watch of this.watches.values()) {
      this.show(watch, { data: null, etag: null, asOf: null, error: null, failures: 0, loading: true });
      watch.due = 0;
    }
    this.plan();
  }

  plan() {
    this.clearTimer(this.timer);
    this.timer = null;
    if (this.still.size > 0) return;
    const next = Math.min(...[...this.watches.values()].filter((one) => !one.busy).map((one) => one.due));
    if (Number.isFinite(next)) this.timer = this.setTimer(() => this.tick(), Math.max(0, next - this.now()));
  }

  tick() {
    for (const watch of this.watches.values()) if (!watch.busy && watch.due <= this.now()) this.ask(watch);
    this.plan();
  }

  /** @param {Watch} watch */
  async ask(watch) {
    watch.busy = true;
    try {
      this.answered(watch, await this.fetch(watch.url, watch.view.etag));
    } catch (error) {
      this.failed(watch, /** @type {any} */ (error));
    } finally {
      watch.busy = false;
      this.plan();
    }
  }

  /** @param {Watch} watch @param {Answer} answer */
  answered(watch, answer) {
    const asOf = this.now();
    const fresh = answer.status === 304 ? {} : { data: answer.data, etag: answer.etag ?? null };
    this.show(watch, { ...watch.view, ...fresh, asOf, error: null, failures: 0, loading: false });
    const wait = Math.max(watch.every, (answer.retryAfter ?? 0) * 1000);
    watch.due = asOf + wait * (1 + JITTER * (2 * this.random() - 1));
  }

  /** @param {Watch} watch @param {any} error */
  failed(watch, error) {
    if (error.resting) return; // it waited for its turn and is not wanted any more: due again when the rest ends
    const failures = watch.view.failures + 1;
    if (error.signedOut) this.rest("signed out", true);
    const longest = Math.min(LONGEST_BACKOFF, FIRST_BACKOFF * 2 ** (failures - 1));
    const wait = Math.max(longest / 2 + (this.random() * longest) / 2, (error.retryAfter ?? 0) * 1000);
    watch.due = error.final ? Infinity : this.now() + wait;
    this.show(watch, { ...watch.view, error, failures, loading: false });
  }

  /** @param {Watch} watch @param {View} view */
  show(watch, view) {
    watch.view = view;
    for (const listener of watch.listeners.keys()) listener(view);
  }
}
