// What prices are made of: the classes of a row, their units, what stands in for one that has no price, and exact decimal texts.
export const CLASSES = [
  "input", "cached", "cache_write", "cache_write_1h", "output", "reasoning", "audio_input", "audio_output", "image_input", "image_output",
  "characters", "calls", "images", "seconds", "web_searches", "file_searches",
];
/** The columns that are shown at first. */
export const MAIN = ["input", "cached", "output"];
const EACH = new Set(["calls", "images", "seconds", "web_searches", "file_searches"]);
const FALLBACK = {
  cached: "input", cache_write: "input", cache_write_1h: "cache_write", audio_input: "input", image_input: "input",
  reasoning: "output", audio_output: "output", image_output: "output",
};
const PLAIN = /^\d{1,7}(\.\d{1,12})?$/;
const MOST = 1_000_000;

export const unitOf = (name) => (name === "characters" ? "characters" : EACH.has(name) ? "each" : "tokens");

/** The price that stands in for a class without one of its own, or undefined. */
export const standsIn = (row, name) => (FALLBACK[name] ? row[FALLBACK[name]] ?? standsIn(row, FALLBACK[name]) : undefined);

export const isRate = (text) => PLAIN.test(text) && Number(text) <= MOST;

/** "02.50" → "2.5": the one form in which the book writes a decimal. What is no decimal stays as it is. */
export function canonical(text) {
  const trimmed = text.trim();
  if (!PLAIN.test(trimmed)) return trimmed;
  const [whole, fraction = ""] = trimmed.split(".");
  const end = fraction.replace(/0+$/, "");
  return `${whole.replace(/^0+(?=\d)/, "")}${end ? `.${end}` : ""}`;
}

const prices = (row) => JSON.stringify(Object.entries(row).filter(([name]) => name !== "source").sort());

/** Whether two rows charge the same; where they come from does not matter. */
export const samePrices = (one, other) => Boolean(one && other) && prices(one) === prices(other);

/** The classes of a row that have a price, in the usual order. */
export const pricedIn = (row) => CLASSES.filter((name) => row[name] !== undefined);

const NOT_PRICES = new Set(["model", "source"]);

/** Everything that two rows say differently: [{field, before, after}], null for what one of them does not say. */
export function changes(one, other) {
  const names = [...new Set([...Object.keys(one), ...Object.keys(other)])].filter((name) => !NOT_PRICES.has(name));
  return names
    .map((field) => ({ field, before: one[field] ?? null, after: other[field] ?? null }))
    .filter(({ before, after }) => JSON.stringify(before) !== JSON.stringify(after));
}
