// What was used in a period: sums from the books, put into the parts of charts. Amounts are BigInt nano-dollars.
import { t } from "../../../core/i18n.js";
import { parseUsd } from "../../../core/money.js";
import { call } from "../../../core/session.js";
import { boundsBefore, boundsOf } from "../../../core/time.js";
import { cut, MOST_DAYS } from "./periods.js";

export const PATH = "/api/ledger/self/dashboard";
const INPUT = ["input", "cached", "cache_write", "cache_write_1h", "audio_input", "image_input"];
const OUTPUT = ["output", "reasoning", "audio_output", "image_output"];
const DAY_S = 86_400;

/** Tokens as the log counts them. */
const tokensOf = ({ usage }) => [...INPUT, ...OUTPUT].reduce((sum, name) => sum + (usage[name] ?? 0), 0);

const numbersOf = (row) => ({
  charged: parseUsd(row.charged), refunded: parseUsd(row.refunded), requests: row.requests, tokens: tokensOf(row),
  first: row.first_token_ms, latency: row.latency_ms,
});

/** Names for keys, told apart by their number where two have the same one or the name is gone. */
function keyNames(rows) {
  const names = new Map(rows.map((row) => [row.key, row.key_name]));
  const given = [...names.values()];
  return (id) => {
    const name = names.get(id);
    if (id === null) return t("overview.noKey");
    return name && given.filter((one) => one === name).length === 1 ? name : `${name} #${id}`.trim();
  };
}

/** Which part a row belongs to. The server's clock may be ahead of ours: what is after the last part belongs to it, so that nothing is left out. */
function partOf(shape) {
  const place = new Map(shape.parts.map(({ label }, index) => [label, index]));
  return (row) => place.get(shape.place(row)) ?? shape.parts.length - 1;
}

/** Sums of rows by part of the period and by a name: Map name → {charged, requests} lists, one number for each part. */
function gather(rows, shape, nameOf) {
  const part = partOf(shape);
  const found = new Map();
  for (const row of rows) {
    const name = nameOf(row);
    if (!found.has(name)) found.set(name, { charged: shape.parts.map(() => 0n), requests: shape.parts.map(() => 0) });
    const at = part(row);
    const one = found.get(name);
    one.charged[at] += parseUsd(row.charged);
    one.requests[at] += row.requests;
  }
  return found;
}

/** For drawing only: nano-dollars as numbers. */
const drawn = (found, measure) => [...found].map(([name, one]) => ({ name, data: one[measure].map(Number) }));

/** How the figures went, part by part; mean times are weighted by requests. */
function courses(rows, shape) {
  const part = partOf(shape);
  const zeros = () => shape.parts.map(() => 0);
  const sums = { charged: zeros(), requests: zeros(), tokens: zeros(), first: zeros(), latency: zeros() };
  for (const row of rows) {
    const at = part(row);
    sums.charged[at] += Number(parseUsd(row.charged));
    sums.requests[at] += row.requests;
    sums.tokens[at] += tokensOf(row);
    sums.first[at] += (row.first_token_ms ?? 0) * row.requests;
    sums.latency[at] += (row.latency_ms ?? 0) * row.requests;
  }
  const mean = (name) => sums[name].map((sum, at) => (sums.requests[at] ? sum / sums.requests[at] : 0));
  return { ...sums, first: mean("first"), latency: mean("latency") };
}

const iso = (seconds) => new Date(seconds * 1000).toISOString();

/** The bounds of a choice that the API can sum: null while the first day is not chosen or the period makes no sense. */
export function bounds(choice, now = new Date()) {
  const { from, to } = boundsOf(choice, now);
  const end = to || Math.floor(now.getTime() / 1000) + 1;
  return from && end > from && (end - from) / DAY_S <= MOST_DAYS ? { from, to: end } : null;
}

export async function readReport(choice, signal) {
  const wanted = bounds(choice);
  if (!wanted) return null;
  const shape = cut(wanted.from, wanted.to);
  const before = boundsBefore(choice);
  const [now, then] = await Promise.all([
    call.get(PATH, { from: iso(wanted.from), to: iso(wanted.to), by: `${shape.by},model,key` }, { signal }),
    call.get(PATH, { from: iso(before.from), to: iso(before.to), by: "model" }, { signal }),
  ]);
  const keyName = keyNames(now.data);
  const models = gather(now.data, shape, (row) => row.model ?? "");
  const keys = gather(now.data, shape, (row) => keyName(row.key));
  return {
    parts: shape.parts, utc: Boolean(shape.utc), now: numbersOf(now.totals), before: numbersOf(then.totals), courses: courses(now.data, shape),
    spendByModel: drawn(models, "charged"), spendByKey: drawn(keys, "charged"), requestsByModel: drawn(models, "requests"),
    keyOf: new Map(now.data.map((row) => [keyName(row.key), row.key_name])),
  };
}
