// A charge, worked out again from what its event holds: exact decimals, rounded up once to the next nano-dollar.
import { number, t, word } from "./i18n.js";
import { exactUsd } from "./money.js";

const NANO_PLACES = 9;
const MILLION_PLACES = 6;
/** Counted one by one; every other class is priced per million. */
const PER_UNIT = new Set(["calls", "images", "seconds", "web_searches", "file_searches"]);
/** A class without a price of its own costs as much as this one, which may again have none. */
const FALLBACK = {
  cached: "input", cache_write: "input", cache_write_1h: "cache_write", audio_input: "input", image_input: "input",
  reasoning: "output", audio_output: "output", image_output: "output",
};

/** A plain decimal as {digits, places}: value = digits / 10^places. */
function decimal(text) {
  const match = /^(\d+)(?:\.(\d+))?$/.exec(text);
  if (!match) throw new RangeError(`not a plain decimal: ${text}`);
  const fraction = match[2] ?? "";
  return { digits: BigInt(match[1] + fraction), places: fraction.length };
}

const times = (one, other) => ({ digits: one.digits * other.digits, places: one.places + other.places });

function plus(one, other) {
  const places = Math.max(one.places, other.places);
  const lift = (value) => value.digits * 10n ** BigInt(places - value.places);
  return { digits: lift(one) + lift(other), places };
}

function write({ digits, places }) {
  const text = digits.toString().padStart(places + 1, "0");
  const fraction = text.slice(text.length - places).replace(/0+$/, "");
  const whole = places ? text.slice(0, -places) : text;
  return fraction && places ? `${whole}.${fraction}` : whole;
}

function ceilNano({ digits, places }) {
  if (places <= NANO_PLACES) return digits * 10n ** BigInt(NANO_PLACES - places);
  const step = 10n ** BigInt(places - NANO_PLACES);
  return (digits + step - 1n) / step;
}

export const rateOf = (price, name) => (name ? price.rates[name] || rateOf(price, FALLBACK[name]) : "0");
export const perUnit = (name) => PER_UNIT.has(name);

/** What was used, class by class, with its rate and its exact cost before the group ratio. */
export function terms(body) {
  return Object.entries(body.usage ?? {}).filter(([, count]) => count > 0).map(([name, count]) => {
    const rate = body.price ? rateOf(body.price, name) : "0";
    const cost = times({ digits: BigInt(count), places: perUnit(name) ? 0 : MILLION_PLACES }, decimal(rate));
    return { name, count, rate, cost };
  });
}

const sumOf = (parts) => parts.map(({ name, count, rate }) => `${number(count)} ${word("class", name).toLowerCase()} \u00d7 ${rate}`).join(" + ");

function lines(body, priced, exact, nano) {
  const tokens = priced.filter(({ name }) => !perUnit(name));
  const units = priced.filter(({ name }) => perUnit(name));
  const sums = [tokens.length ? `(${sumOf(tokens)}) \u00f7 ${number(1_000_000)}` : "", units.length ? sumOf(units) : ""].filter(Boolean);
  const whole = sums.length > 1 || !tokens.length ? `(${sums.join(" + ")})` : sums[0];
  const { group, group_ratio: ratio } = body.price;
  const result = write(exact);
  const rounded = exactUsd(nano);
  return [
    whole,
    group ? t("explain.formula.ratio", { ratio, group }) : `\u00d7 ${ratio}`,
    result === rounded ? `= ${result} USD` : `= ${result} USD, ${t("explain.formula.rounded", { amount: rounded })}`,
  ];
}

/**
 * {lines, nano} of a usage event. Null where the event holds no price. Throws RangeError when its factors cannot be read.
 */
export function workOut(body) {
  if (!body.price) return null;
  if (body.price.unpriced) return { lines: [t("explain.formula.unpriced")], nano: 0n };
  const priced = terms(body).filter(({ rate }) => decimal(rate).digits > 0n);
  if (!priced.length) return { lines: [t("explain.formula.free")], nano: 0n };
  const sum = priced.map(({ cost }) => cost).reduce(plus);
  const exact = times(sum, decimal(body.price.group_ratio));
  const nano = ceilNano(exact);
  return { lines: lines(body, priced, exact, nano), nano };
}

export const costText = (cost) => write(cost);

/** The exact product of two plain decimals, as text. Throws RangeError when one is none. */
export const product = (one, other) => write(times(decimal(one), decimal(other)));
