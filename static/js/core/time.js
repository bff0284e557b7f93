// Times: shown in the viewer's zone. Ranges of pages: what they start and end with.
import { language, number, t } from "./i18n.js";

const two = (value) => String(value).padStart(2, "0");

/** Accepts unix seconds or RFC 3339 text; null for what is no time. */
export function dateOf(value) {
  const date = new Date(typeof value === "number" ? value * 1000 : value);
  return !value || Number.isNaN(date.getTime()) ? null : date;
}

export const dayText = (date) => `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
export const clockText = (date) => `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
/** The UTC instant, as the books write it. */
export const utcText = (value) => (typeof value === "string" ? value : dateOf(value).toISOString().replace(".000Z", "Z"));

export const RANGES = ["today", "7d", "30d", "month", "all"];
const DAY = /^\d{4}-\d{2}-\d{2}$/;
const midnight = (text, days = 0) => {
  const [year, month, day] = text.split("-").map(Number);
  return new Date(year, month - 1, day + days);
};
const seconds = (date) => Math.floor(date.getTime() / 1000);

/**
 * {from, to} in unix seconds of a range as the viewer counts days; 0 is open. "7d" is today and the six days before;
 * "custom" is from the first day to the end of the last. `to` is not included.
 */
export function boundsOf({ range, from, to }, now = new Date()) {
  if (range === "custom") {
    return { from: DAY.test(from ?? "") ? seconds(midnight(from)) : 0, to: DAY.test(to ?? "") ? seconds(midnight(to, 1)) : 0 };
  }
  if (range === "month") return { from: seconds(new Date(now.getFullYear(), now.getMonth(), 1)), to: 0 };
  const back = { today: 0, "7d": 6, "30d": 29 }[range];
  if (back === undefined) return { from: 0, to: 0 };
  return { from: seconds(new Date(now.getFullYear(), now.getMonth(), now.getDate() - back)), to: 0 };
}

/** The bounds of as much time just before, for comparing; null where there is none. */
export function boundsBefore(choice, now = new Date()) {
  const { from, to } = boundsOf(choice, now);
  if (!from) return null;
  const end = to || seconds(now);
  return { from: Math.max(0, from - (end - from)), to: from };
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
