// Money. Amounts are BigInt nano-dollars inside; text in and out is an exact decimal in USD. No float holds money.
import { language } from "./i18n.js";

const SCALE = 9;
const UNIT = 10n ** BigInt(SCALE);
const NANO_PER_QUOTA = 2000n;
const DECIMAL = /^([+-]?)(\d+)(?:\.(\d{1,9})0*)?$/;

/** "−0.000012345" in USD → -12345n. Throws RangeError on anything that is not such a decimal. */
export function parseUsd(text) {
  const match = DECIMAL.exec(String(text).trim());
  if (!match) throw new RangeError(`not an amount in USD: ${text}`);
  const nano = BigInt(match[2]) * UNIT + BigInt((match[3] ?? "").padEnd(SCALE, "0"));
  return match[1] === "-" ? -nano : nano;
}

const magnitude = (nano) => (nano < 0n ? -nano : nano);

/** The exact decimal in USD, without trailing zeros: what hover shows and copy takes. */
export function exactUsd(nano) {
  const size = magnitude(nano);
  const fraction = (size % UNIT).toString().padStart(SCALE, "0").replace(/0+$/, "");
  return `${nano < 0n ? "-" : ""}${size / UNIT}${fraction ? `.${fraction}` : ""}`;
}

/** Decimals that matter: 2 from a dollar up, 4 from a cent up, below that four significant digits. */
function decimalsFor(size) {
  if (size >= UNIT) return 2;
  if (size >= UNIT / 100n) return 4;
  return size === 0n ? 2 : Math.min(SCALE, SCALE - size.toString().length + 4);
}

/**
 * Shortened for the eye as {sign, whole, fraction}. `down` cuts instead of rounding: a balance never shows more than there is.
 * `full` shortens nothing, for where amounts are to add up under the eye.
 */
export function shorten(nano, { down = false, full = false } = {}) {
  const size = magnitude(nano);
  const decimals = full ? SCALE : decimalsFor(size);
  const step = 10n ** BigInt(SCALE - decimals);
  const steps = (size + (down && nano > 0n ? 0n : step / 2n)) / step;
  const base = 10n ** BigInt(decimals);
  const whole = new Intl.NumberFormat(language()).format(steps / base);
  const digits = (steps % base).toString().padStart(decimals, "0");
  const fraction = digits.slice(0, 2) + digits.slice(2).replace(/0+$/, "");
  return { sign: nano < 0n ? "\u2212" : "", whole, fraction };
}

/** The same in quota (2,000 nano-dollars each, as One API counts), for operators who show that. */
export function quotaText(nano, { full = false } = {}) {
  const tenths = (magnitude(nano) * 10_000n) / NANO_PER_QUOTA;
  const whole = new Intl.NumberFormat(language()).format(tenths / 10_000n);
  const digits = (tenths % 10_000n).toString().padStart(4, "0").replace(/0+$/, "");
  const shown = full || magnitude(nano) < 100n * NANO_PER_QUOTA ? digits : "";
  return { sign: nano < 0n ? "\u2212" : "", whole, fraction: shown };
}

/** The short form as one text, "−$0.00001235". `signed` also writes a plus, as movements do. */
export function shortUsd(nano, options = {}) {
  const { sign, whole, fraction } = shorten(nano, options);
  const plus = options.signed && nano > 0n ? "+" : "";
  return `${sign || plus}$${whole}.${fraction}`;
}

/** An amount of a row or an answer: its decimal string, or one of the integers when an older route has no string. */
export function nanoOf(source, name = "amount") {
  if (typeof source?.[name] === "string") return parseUsd(source[name]);
  const integer = source?.[`${name}_nano`];
  return integer === undefined || integer === null ? null : BigInt(integer);
}
