// How a stretch of time is cut for charts. The books sum whole hours and days in UTC; hours put together make days of the viewer's zone.
import { clockText, dayText } from "../../../core/time.js";

const HOUR_S = 3600;
const DAY_S = 86_400;
const BY_HOUR_S = 2 * DAY_S;
/** Longer stretches are asked for by the day. */
const LOCAL_DAYS_S = 45 * DAY_S;
/** What the API takes: at most so many periods. */
export const MOST_DAYS = 1_100;

const two = (value) => String(value).padStart(2, "0");
const at = (seconds) => new Date(seconds * 1000);
const shortDay = (date) => `${two(date.getMonth() + 1)}-${two(date.getDate())}`;
const wholeHours = (from, to) => [from, to].every((time) => at(time).getTimezoneOffset() % 60 === 0);

function hours(from, to) {
  const first = Math.floor(from / HOUR_S) * HOUR_S;
  const starts = Array.from({ length: Math.ceil((to - first) / HOUR_S) }, (_, number) => first + number * HOUR_S);
  const isOneDay = to - from <= DAY_S;
  const label = (start) => `${isOneDay ? "" : `${shortDay(at(start))} `}${clockText(at(start)).slice(0, 5)}`;
  return { by: "hour", parts: starts.map((start) => ({ label: label(start), day: dayText(at(start)) })), place: (row) => label(Date.parse(row.hour) / 1000) };
}

function localDays(from, to) {
  const parts = [];
  const day = at(from);
  for (day.setHours(0, 0, 0, 0); day.getTime() < to * 1000; day.setDate(day.getDate() + 1)) parts.push({ label: shortDay(day), day: dayText(day) });
  return { by: "hour", parts, place: (row) => shortDay(new Date(row.hour)) };
}

function utcDays(from, to) {
  const first = Math.floor(from / DAY_S) * DAY_S;
  const days = Array.from({ length: Math.ceil((to - first) / DAY_S) }, (_, number) => at(first + number * DAY_S).toISOString().slice(0, 10));
  return { by: "day", utc: true, parts: days.map((day) => ({ label: day, day })), place: (row) => row.day };
}

/**
 * {by, parts: [{label, day}], place(row) → label, utc}: what to ask the API for, the parts from the oldest on, and where a row of its
 * answer belongs. `from` and `to` are unix seconds.
 */
export function cut(from, to) {
  if (to - from <= BY_HOUR_S) return hours(from, to);
  return to - from <= LOCAL_DAYS_S && wholeHours(from, to) ? localDays(from, to) : utcDays(from, to);
}
