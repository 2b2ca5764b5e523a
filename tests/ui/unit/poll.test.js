import assert from "node:assert/strict";
import { test } from "node:test";

import { Budget } from "../../../ui/js/budget.js";
import { Scheduler } from "../../../ui/js/poll.js";

/** A clock that jumps from timer to timer, and whatever answers in between. */
class World {
  constructor(answer) {
    this.time = 0;
    this.timers = new Map();
    this.asked = [];
    this.budget = new Budget({ now: () => this.time, sleep: (ms) => new Promise((done) => this.at(ms, done)) });
    this.scheduler = new Scheduler({
      fetch: async (url, etag) => {
        await this.budget.take();
        if (this.scheduler.still.size > 0) throw { resting: true };
        this.asked.push({ url, etag, at: this.time });
        return answer(this.asked.length, url, etag);
      },
      now: () => this.time,
      setTimer: (run, ms) => this.at(ms, run),
      clearTimer: (timer) => this.timers.delete(timer),
      random: () => 0.5,
    });
  }

  at(ms, run) {
    const key = Symbol("timer");
    this.timers.set(key, { due: this.time + ms, run });
    return key;
  }

  /** Let `ms` go by. */
  async pass(ms) {
    const end = this.time + ms;
    for (;;) {
      await settled();
      const next = [...this.timers].filter(([, timer]) => timer.due <= end).sort(([, a], [, b]) => a.due - b.due)[0];
      if (!next) break;
      this.timers.delete(next[0]);
      this.time = Math.max(this.time, next[1].due);
      next[1].run();
    }
    this.time = end;
  }

  watch(url, every = 30_000) {
    const seen = [];
    const stop = this.scheduler.watch(url, every, (view) => seen.push(view));
    return { stop, seen };
  }
}

const settled = () => new Promise((done) => setImmediate(done));
const ok = (etag = '"1"') => ({ status: 200, data: {}, etag });
const MINUTE = 60_000;

test("a watched address is asked for at its interval, with the ETag it had", async () => {
  const world = new World((count) => (count === 1 ? ok() : { status: 304 }));
  const { seen } = world.watch("/a");
  await world.pass(2 * MINUTE);
  assert.equal(world.asked.length, 5);
  assert.deepEqual(world.asked.map((one) => one.etag), [null, '"1"', '"1"', '"1"', '"1"']);
  assert.equal(seen.at(-1).asOf, 2 * MINUTE);
});

test("data stays when a later answer is 304, and its identity with it", async () => {
  const data = {};
  const world = new World((count) => (count === 1 ? { ...ok(), data } : { status: 304 }));
  const { seen } = world.watch("/a");
  await world.pass(MINUTE);
  assert.equal(seen.at(-1).data, data);
});

test("two watchers of one address are one request", async () => {
  const world = new World(() => ok());
  world.watch("/a");
  world.watch("/a");
  await world.pass(1000);
  assert.equal(world.asked.length, 1);
});

test("an address is never asked for twice at once", async () => {
  let answer;
  const world = new World(() => new Promise((done) => { answer = done; }));
  world.watch("/a", 1000);
  await world.pass(10_000);
  world.scheduler.refresh();
  await world.pass(10_000);
  assert.equal(world.asked.length, 1);
  answer(ok());
  await world.pass(1000);
  assert.equal(world.asked.length, 2);
});

test("hidden for ten minutes: no request, and one for each address on return", async () => {
  const world = new World(() => ok());
  world.watch("/a", 5000);
  world.watch("/b", 15_000);
  await world.pass(1000);
  world.scheduler.rest("hidden", true);
  const before = world.asked.length;
  await world.pass(10 * MINUTE);
  assert.equal(world.asked.length, before);
  world.scheduler.rest("hidden", false);
  await world.pass(10);
  assert.deepEqual(world.asked.slice(before).map((one) => one.url).sort(), ["/a", "/b"]);
});

test("paused and hidden are two reasons: one that ends does not end the other", async () => {
  const world = new World(() => ok());
  world.scheduler.rest("paused", true);
  world.scheduler.rest("hidden", true);
  world.watch("/a", 5000);
  world.scheduler.rest("hidden", false);
  await world.pass(MINUTE);
  assert.equal(world.asked.length, 0);
});

test("signed out: nothing more for ten minutes, and what was seen stays", async () => {
  const world = new World((count) => {
    if (count > 1) throw { signedOut: true, status: 401, final: true };
    return ok();
  });
  const { seen } = world.watch("/a", 5000);
  await world.pass(10_000);
  assert.equal(world.asked.length, 2);
  await world.pass(10 * MINUTE);
  assert.equal(world.asked.length, 2);
  assert.notEqual(seen.at(-1).data, null);
});

test("Retry-After of 30 s is obeyed", async () => {
  const world = new World((count) => {
    if (count === 1) throw { status: 503, retryAfter: 30 };
    return ok();
  });
  world.watch("/a", 5000);
  await world.pass(29_000);
  assert.equal(world.asked.length, 1);
  await world.pass(2000);
  assert.equal(world.asked.length, 2);
});

test("Retry-After on a good answer slows the interval and never quickens it", async () => {
  const world = new World(() => ({ ...ok(), retryAfter: 2 }));
  world.watch("/a", 5000);
  await world.pass(MINUTE - 1);
  assert.equal(world.asked.length, 12);
});

test("ten minutes of failures are at most 30 requests, and only on the address that fails", async () => {
  const world = new World((_, url) => {
    if (url === "/bad") throw { status: 0 };
    return ok();
  });
  world.watch("/bad", 5000);
  world.watch("/good", 30_000);
  await world.pass(10 * MINUTE);
  const of = (url) => world.asked.filter((one) => one.url === url).length;
  assert.ok(of("/bad") <= 30, `${of("/bad")}`);
  assert.ok(of("/bad") >= 10, `${of("/bad")}`);
  assert.equal(of("/good"), 21);
});

test("what can never succeed is not repeated until it is asked for", async () => {
  const world = new World(() => { throw { status: 404, final: true }; });
  world.watch("/a", 5000);
  await world.pass(MINUTE);
  assert.equal(world.asked.length, 1);
  world.scheduler.refresh();
  await world.pass(1000);
  assert.equal(world.asked.length, 2);
});

test("nothing that was over is asked for again", async () => {
  const world = new World(() => ok());
  const listener = () => {};
  world.scheduler.watch("/a", 5000, listener);
  await world.pass(20_000);
  world.scheduler.repace("/a", listener, Infinity);
  const before = world.asked.length;
  await world.pass(10 * MINUTE);
  assert.equal(world.asked.length, before);
});

test("who leaves is not told any more, and nobody asks for it", async () => {
  const world = new World(() => ok());
  const { stop, seen } = world.watch("/a", 5000);
  await world.pass(1000);
  stop();
  const told = seen.length;
  await world.pass(MINUTE);
  assert.equal(world.asked.length, 1);
  assert.equal(seen.length, told);
});

test("no minute has more than 30 requests, however many addresses are watched how often", async () => {
  const world = new World(() => ok());
  for (let at = 0; at < 20; at += 1) world.watch(`/${at}`, 1000);
  await world.pass(5 * MINUTE);
  for (const { at } of world.asked) {
    assert.ok(world.asked.filter((one) => one.at >= at && one.at < at + MINUTE).length <= 30);
  }
  assert.ok(world.asked.length > 100);
});

test("a request that waited for its turn is not sent to a hidden tab's name", async () => {
  const world = new World(() => ok());
  for (let at = 0; at < 40; at += 1) world.watch(`/${at}`, MINUTE);
  await world.pass(1000);
  assert.equal(world.asked.length, 30);
  world.scheduler.rest("hidden", true);
  await world.pass(10 * MINUTE);
  assert.equal(world.asked.length, 30);
});

/** A quiet minute of each screen, in its steady state: the watched addresses and their intervals (the design's B4). */
const SCREENS = {
  attention: [[30, 60], 4],
  "environment, idle": [[15, 60], 6],
  "environment, busy": [[15, 5, 60], 18],
  rollout: [[5, 5], 25],
  drift: [[30], 3],
};
for (const [name, [intervals, most]] of Object.entries(SCREENS)) {
  test(`a minute of ${name} stays below its goal`, async () => {
    const world = new World(() => ok());
    intervals.forEach((every, at) => world.watch(`/${at}`, every * 1000));
    await world.pass(MINUTE);
    const before = world.asked.length;
    await world.pass(MINUTE);
    assert.ok(world.asked.length - before <= most, `${world.asked.length - before}`);
  });
}
