// At most 30 requests in any 60 seconds, whatever the code above asks for: a page that everybody has open all day must not
// be the load. Who asks beyond it waits for the oldest to leave the window.

export const PER_WINDOW = 30;
export const WINDOW = 60_000; // milliseconds

export class Budget {
  /** @param {{now: () => number, sleep: (ms: number) => Promise<void>, most?: number}} outside */
  constructor({ now, sleep, most = PER_WINDOW }) {
    this.now = now;
    this.sleep = sleep;
    this.most = most;
    /** @type {number[]} */
    this.spent = [];
    this.queue = Promise.resolve();
  }

  /** Resolves when a request may be sent, in the order in which they were asked for. */
  take() {
    this.queue = this.queue.then(() => this.free());
    return this.queue;
  }

  async free() {
    for (;;) {
      const now = this.now();
      this.spent = this.spent.filter((at) => now - at < WINDOW);
      if (this.spent.length < this.most) {
        this.spent.push(now);
        return;
      }
      await this.sleep(this.spent[0] + WINDOW - now);
    }
  }
}
