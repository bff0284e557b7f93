// The periods of statements. They are counted in UTC, so that everybody's statement of a month is the same one.

export const PERIODS = ["today", "7d", "30d", "month", "lastmonth", "all", "custom"];
export const DEFAULT_PERIOD = "month";

const DAY = /^\d{4}-\d{2}-\d{2}$/;

/** Midnight, UTC, some days after a day of a date's month (0 is the last day of the month before). */
function midnight(date, { month = 0, day }) {
  return new Date(Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + month, day));
}

const text = (date) => date.toISOString().replace(".000Z", "Z");

export const isDay = (value) => DAY.test(value ?? "") && !Number.isNaN(Date.parse(value));

/**
 * The period as {from, to}, RFC 3339, "" where it is open; `to` is not included. The last day of "custom" is included.
 */
export function bounds({ period, from, to }, now = new Date()) {
  const today = now.getUTCDate();
  if (period === "custom") {
    const end = isDay(to) ? new Date(to) : null;
    return { from: isDay(from) ? text(new Date(from)) : "", to: end ? text(midnight(end, { day: end.getUTCDate() + 1 })) : "" };
  }
  if (period === "lastmonth") return { from: text(midnight(now, { month: -1, day: 1 })), to: text(midnight(now, { day: 1 })) };
  if (period === "month") return { from: text(midnight(now, { day: 1 })), to: "" };
  const back = { today: 0, "7d": 6, "30d": 29 }[period];
  return { from: back === undefined ? "" : text(midnight(now, { day: today - back })), to: "" };
}

