// What the server would say of a JSON option, said as one types. Each check takes what was parsed and returns a text, "" for nothing.
import { t } from "../../core/i18n.js";

export const names = (list) => [...list].sort();

const isMap = (value) => value !== null && typeof value === "object" && !Array.isArray(value);
const amount = (value) => typeof value === "number" && value >= 0;

/** The first fault among the entries of an object. */
const entries = (fault) => (value) => {
  if (!isMap(value)) return t("options.check.object");
  for (const [name, one] of Object.entries(value)) {
    const said = name ? fault(one, name) : t("options.check.noname");
    if (said) return `${name}: ${said}`;
  }
  return "";
};

export const ratios = entries((value) => (amount(value) ? "" : t("options.check.ratio")));
export const texts = entries((value) => (typeof value === "string" ? "" : t("options.check.text")));
export const scores = entries((value) => (typeof value === "number" && value > 0 && value <= 1 ? "" : t("options.check.score")));
export const rates = entries((value, name) => {
  if (!/^[A-Z][A-Z0-9]{2,9}$/.test(name)) return t("options.check.currency");
  return typeof value === "string" && /^\d{1,9}(\.\d{1,18})?$/.test(value) && Number(value) > 0 ? "" : t("options.check.rate");
});

export const policies = (rules) => entries((value, name) => {
  if (name.slice(0, -1).includes("*")) return t("options.check.pattern");
  return rules.includes(value) ? "" : t("options.check.rule", { rules: rules.join(t("comma")) });
});

const LIMITS = ["rpm", "tpm", "concurrency"];
const whole = (value) => Number.isInteger(value) && value >= 0 && value <= 2 ** 31 - 1;

function limit(value, known) {
  if (!isMap(value)) return t("options.check.limit");
  for (const [name, one] of Object.entries(value)) {
    if (!known.includes(name)) return t("options.check.nolimit", { name, known: known.join(t("comma")) });
    const said = name === "each_user" ? limit(one, LIMITS) : whole(one) ? "" : t("options.check.whole", { name });
    if (said) return said;
  }
  return "";
}

export const modelLimits = entries((value) => limit(value, LIMITS));
export const groupLimits = entries((value) => limit(value, [...LIMITS, "each_user"]));
