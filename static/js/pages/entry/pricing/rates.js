// Which rates of a model hold: those of the group's ratio for showing, those of the tier and the variant for calculating.
import { product } from "../../../core/formula.js";

const INPUT_CLASSES = ["input", "cached", "cache_write", "cache_write_1h", "audio_input", "image_input"];

const scaledRates = (rates, ratio) => Object.fromEntries(Object.entries(rates).map(([name, rate]) => [name, product(rate, ratio)]));

/** A model's prices times the ratio of a group, exactly. */
export function scaled(row, ratio) {
  const each = (list) => list.map((one) => ({ ...one, rates: scaledRates(one.rates, ratio) }));
  return { ...row, rates: scaledRates(row.rates, ratio), tiers: each(row.tiers), variants: each(row.variants) };
}

/** The tier that a request falls into, by all its input tokens together; null for the lowest. */
export function tierOf(row, usage) {
  const context = INPUT_CLASSES.reduce((sum, name) => sum + (usage[name] ?? 0), 0);
  return row.tiers.findLast((tier) => context > tier.above_input_tokens) ?? null;
}

/** The rates that a usage is charged with: those of a variant win over those of a tier, which win over the model's own. */
export const ratesFor = (row, usage, variant) => ({ ...row.rates, ...tierOf(row, usage)?.rates, ...variant?.rates });
