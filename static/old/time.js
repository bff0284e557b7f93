// Times: shown in the viewer's zone, the UTC instant on hover. Ranges of the log.
import { h } from "./dom.js";
import { language, number, t } from "./i18n.js";

const two = (value) => String(value).padStart(2, "0");

function stamp(date) {
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  return `${day} ${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
}

/** Accepts unix seconds or RFC 3339 text. `day` leaves the time of day to the hover. */
export function when(value, { day = false } = {}) {
  const date = new Date(typeof value === "number" ? value * 1000 : value);
  if (!value || Number.isNaN(date.getTime())) return h("span.quiet", {}, "–");
  const utc = typeof value === "string" ? value : date.toISOString().replace(".000Z", "Z");
  return h("time", { datetime: date.toISOString(), title: t("time.utc", { utc }) }, day ? stamp(date).slice(0, 10) : stamp(date));
}

/** A time in UTC, as the books have it; the viewer's own is on the hover. Accepts RFC 3339 text. */
export function utc(value) {
  const date = new Date(value);
  if (!value || Number.isNaN(date.getTime())) return h("span.quiet", {}, "–");
  const iso = date.toISOString();
  return h("time", { datetime: iso, title: t("time.local", { local: stamp(date) }) }, iso.slice(0, 19).replace("T", " "));
}

export const RANGES = ["today", "7d", "30d", "all"];

/** The range's first instant in unix seconds, 0 for all of it. "7d" is today and the six days before, as the viewer counts days. */
export function startOf(range, now = new Date()) {
  const back = { today: 0, "7d": 6, "30d": 29 }[range];
  if (back === undefined) return 0;
  return Math.floor(new Date(now.getFullYear(), now.getMonth(), now.getDate() - back).getTime() / 1000);
}

/** "850 ms", "3.2 s", "1 min 12 s". */
export function duration(ms) {
  if (ms === null || ms === undefined || ms === "") return "–";
  const value = Number(ms);
  if (value < 1000) return `${number(Math.round(value))} ms`;
  if (value < 60_000) return `${new Intl.NumberFormat(language(), { maximumFractionDigits: 1 }).format(value / 1000)} s`;
  const seconds = Math.round(value / 1000);
  return t("time.minutes", { minutes: Math.floor(seconds / 60), seconds: seconds % 60 });
}
