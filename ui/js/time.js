// Times as people read them. Everything is UTC; ages follow the server's clock, since a laptop's may be wrong.

const MINUTE = 60;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

const NOTICED = 5_000; // milliseconds: the header has whole seconds, and servers keep it for one or two

let skew = 0; // milliseconds that the server is ahead of this machine

/** Learn the server's clock from its `Date` header. @param {string | null} date @param {number} [local] */
export function learn(date, local = Date.now()) {
  const server = date ? Date.parse(date) : NaN;
  if (!Number.isNaN(server) && Math.abs(server - local - skew) > NOTICED) skew = server - local;
}

/** Milliseconds, by the server's clock. */
export function now() {
  return Date.now() + skew;
}

/** "12:03:22", and the date where it is not today's. @param {string | number} at @param {number} [today] */
export function clock(at, today = now()) {
  const date = new Date(at);
  if (Number.isNaN(date.getTime())) return "";
  const iso = date.toISOString();
  const sameDay = iso.slice(0, 10) === new Date(today).toISOString().slice(0, 10);
  return sameDay ? iso.slice(11, 19) : `${iso.slice(0, 10)} ${iso.slice(11, 16)}`;
}

/** "8 s", "14 min", "3 h", "2 days". @param {number} seconds */
export function span(seconds) {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 2 * MINUTE) return `${whole} s`;
  if (whole < 2 * HOUR) return `${Math.round(whole / MINUTE)} min`;
  if (whole < 2 * DAY) return `${Math.round(whole / HOUR)} h`;
  return `${Math.round(whole / DAY)} days`;
}

/** "8 s ago", "in 27 min". @param {string | number} at @param {number} [to] */
export function relative(at, to = now()) {
  const seconds = (new Date(at).getTime() - to) / 1000;
  if (Number.isNaN(seconds)) return "";
  return seconds > 0.5 ? `in ${span(seconds)}` : `${span(-seconds)} ago`;
}

/** "14:32" of a countdown. @param {number} seconds */
export function countdown(seconds) {
  const left = Math.max(0, Math.floor(seconds));
  return `${Math.floor(left / MINUTE)}:${String(left % MINUTE).padStart(2, "0")}`;
}
