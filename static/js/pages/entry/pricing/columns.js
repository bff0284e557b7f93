// Prices as columns: a rate for each class of usage, as exact text.
import { has, t, word } from "../../../core/i18n.js";
import { html } from "../../../html.js";
import { perUnit } from "../../../core/formula.js";

/** Classes in the order in which they are shown; those that stand alone come after the tokens. */
export const CLASSES = [
  "input", "cached", "cache_write", "cache_write_1h", "output", "reasoning", "audio_input", "audio_output", "image_input", "image_output",
  "characters", "calls", "images", "seconds", "web_searches", "file_searches",
];

/** Two decimals at least, so that a column of rates is easy to compare: "2.5" → "2.50", "0.025" as it is. */
export function rateText(rate) {
  if (!rate) return "";
  const [whole, fraction = ""] = rate.split(".");
  return `$${whole}.${fraction.padEnd(2, "0")}`;
}

const rateCell = (rate) => (rate ? html`<data class="exact" value=${rate} title="${rate} USD">${rateText(rate)}</data>` : null);

/** One rate in words: "$0.04 an image". */
export function perText(name, rate) {
  const key = `pricing.per.${name}`;
  return has(key) ? t(key, { rate: rateText(rate) }) : `${word("class", name)} ${rateText(rate)} / ${t(`pricing.unit.${name}`)}`;
}

/** What is charged otherwise than by the token. */
export const others = (rates) => Object.entries(rates).filter(([name]) => perUnit(name) || name === "characters")
  .map(([name, rate]) => perText(name, rate)).join(t("comma"));

/** Columns for these rows: the model, each class asked for that one of them has a price in, and the rest in words. */
export function priceColumns(rows, classes) {
  const priced = classes.filter((name) => rows.some((row) => name in row.rates));
  return [
    { id: "model", label: t("column.model"), class: "two clip", always: true, sort: (row) => row.model, cell: (row) => row.model },
    ...priced.map((name) => ({
      id: name, label: word("class", name), number: true, hidden: !["input", "cached", "output"].includes(name),
      sort: (row) => (row.rates[name] ? Number(row.rates[name]) : null), cell: (row) => rateCell(row.rates[name]),
    })),
    ...(rows.some((row) => others(row.rates)) ? [{ id: "others", label: t("pricing.otherwise"), class: "two loose", cell: (row) => others(row.rates) || null }] : []),
  ];
}
