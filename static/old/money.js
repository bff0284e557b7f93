// Money. Amounts are BigInt nano-dollars inside; text in and out is an exact decimal in USD. No float holds money.
import { h } from "./dom.js";
import { language } from "./i18n.js";

const SCALE = 9;
const UNIT = 10n ** BigInt(SCALE);
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

/** The short form as one text, "−$0.00001235". `signed` also writes a plus, as movements do. */
export function shortUsd(nano, options = {}) {
  const { sign, whole, fraction } = shorten(nano, options);
  const plus = options.signed && nano > 0n ? "+" : "";
  return `${sign || plus}$${whole}.${fraction}`;
}

/**
 * The one money component. Shows the short form; the exact value is its title, its machine value, and what a copy takes.
 * `column` lines the decimal points up when amounts stand under each other.
 */
export function money(nano, { signed = false, column = false, down = false, full = false } = {}) {
  const exact = exactUsd(nano);
  const { sign, whole, fraction } = shorten(nano, { down, full });
  const front = `${sign || (signed && nano > 0n ? "+" : "")}$${whole}`;
  const node = h("data.exact.money", { value: exact, title: `${exact} USD` });
  if (signed && nano > 0n) node.classList.add("credit");
  if (column) node.append(front, h("span.point", {}, `.${fraction}`));
  else node.append(`${front}.${fraction}`);
  return node;
}

/** An amount of a row or an answer: its decimal string, or one of the integers when an older route has no string. */
export function nanoOf(source, name = "amount") {
  if (typeof source?.[name] === "string") return parseUsd(source[name]);
  const integer = source?.[`${name}_nano`];
  return integer === undefined || integer === null ? null : BigInt(integer);
}
