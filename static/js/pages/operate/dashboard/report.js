// The operator's numbers for a stretch of time, from the rollups: by day or hour, by channel, user and model, and the time before.
import { call } from "../../../core/session.js";
import { parseUsd } from "../../../core/money.js";
import { boundsBefore, boundsOf, dateOf, dayText } from "../../../core/time.js";

const PATH = "/api/ledger/dashboard";
const HOUR_S = 3600;
const DAY_S = 24 * HOUR_S;
/** Longer stretches are asked for by days of UTC: hours would be too many. */
const MOST_HOURS = 1000;

export const iso = (seconds) => (seconds ? new Date(seconds * 1000).toISOString() : "");
const spanOf = ({ from, to }) => (to || Date.now() / 1000) - from;
export const byHour = (bounds) => bounds.from > 0 && spanOf(bounds) <= MOST_HOURS * HOUR_S;

const amounts = (row) => ({
  revenue: parseUsd(row.charged) - parseUsd(row.refunded), cost: parseUsd(row.cost), margin: parseUsd(row.margin),
});

/** A row with its amounts in nano-dollars. Revenue is what was charged and not given back. */
export const read = (row) => ({ ...row, ...amounts(row) });

/** The texts of all periods of a stretch, so that those without use are there too: hours of one day, else days. */
function periods({ from, to }, single) {
  const end = Math.min(to || Infinity, Math.floor(Date.now() / 1000) + 1);
  const labels = [];
  if (single) {
    for (let at = from; at < end; at += HOUR_S) labels.push(hourText(new Date(at * 1000)));
    return labels;
  }
  for (let day = new Date(from * 1000); day.getTime() < end * 1000; day = new Date(day.getFullYear(), day.getMonth(), day.getDate() + 1)) labels.push(dayText(day));
  return labels;
}

const hourText = (date) => `${String(date.getHours()).padStart(2, "0")}:00`;

/** {labels, revenue, cost, margin}: sums of rows by the viewer's day, or by hour where it is one day. */
export function series(rows, bounds) {
  const single = spanOf(bounds) <= DAY_S;
  const labels = periods(bounds, single);
  const at = new Map(labels.map((label, index) => [label, index]));
  const out = { labels, revenue: labels.map(() => 0n), cost: labels.map(() => 0n), margin: labels.map(() => 0n) };
  for (const row of rows) {
    const date = row.hour ? dateOf(row.hour) : null;
    const index = at.get(date ? (single ? hourText(date) : dayText(date)) : row.day);
    if (index === undefined) continue;
    const sums = amounts(row);
    for (const name of ["revenue", "cost", "margin"]) out[name][index] += sums[name];
  }
  return out;
}

/** Everything the dashboard shows of a stretch, asked for at once. */
export async function report(filter, signal) {
  const bounds = boundsOf(filter);
  const before = boundsBefore(filter);
  const ask = (by, { from, to }) => call.get(PATH, { by, from: iso(from), to: iso(to) }, { signal });
  const [time, channels, users, models, earlier, taken] = await Promise.all([
    ask(byHour(bounds) ? "hour" : "day", bounds), ask("channel", bounds), ask("user", bounds), ask("model", bounds),
    before ? ask("group", before) : null, call.get("/api/ledger/latency", { from: iso(bounds.from), to: iso(bounds.to) }, { signal }),
  ]);
  const times = new Map(taken.data.map((row) => [row.channel, row]));
  return {
    totals: read(time.totals), earlier: earlier ? read(earlier.totals) : null, chart: series(time.data, bounds), utc: !byHour(bounds),
    times: times.get(null) ?? null, read: taken.read,
    channels: channels.data.map((row) => ({ ...read(row), times: times.get(row.channel) })), users: users.data.filter((row) => row.user).map(read), models: models.data.map(read),
  };
}
