// What the form of a key holds, and what of it is sent: only what was changed, so that what a key spent meanwhile is not undone.
import { t } from "../../../core/i18n.js";
import { exactUsd, nanoOf, parseUsd } from "../../../core/money.js";
import { NANO_PER_QUOTA } from "../../../core/session.js";
import { dateOf, dayText } from "../../../core/time.js";

export const NEVER = -1;
export const RATES = ["rpm", "tpm", "concurrency"];
export const PERIODS = ["day", "week", "month"];
/** Expiries that are chosen at once, in seconds from now. */
export const EXPIRIES = { hour: 3600, day: 86_400, month: 30 * 86_400, year: 365 * 86_400 };

const two = (value) => String(value).padStart(2, "0");
const momentText = (seconds) => {
  const date = dateOf(seconds);
  return date ? `${dayText(date)}T${two(date.getHours())}:${two(date.getMinutes())}` : "";
};
const listOf = (text, mark = /[,\s]+/) => String(text ?? "").split(mark).filter(Boolean);

/** The form of a key as it is, or of a new one. */
export function formOf(key) {
  const budget = (period) => (key?.budgets ?? []).find((one) => one.period === period)?.limit_usd ?? "";
  return {
    name: key?.name ?? "", count: 1, group: key?.group ?? "",
    limited: key ? !key.unlimited_quota : false, limit: key && !key.unlimited_quota ? exactUsd(nanoOf(key, "remain")) : "",
    budgets: Object.fromEntries(PERIODS.map((period) => [period, budget(period)])), zone: key?.budget_timezone ?? "",
    models: listOf(key?.models, ","), networks: listOf(key?.subnet).join("\n"),
    ...Object.fromEntries(RATES.map((name) => [name, key?.[name] || ""])),
    expiry: !key || key.expired_time === NEVER ? "never" : "until", until: key && key.expired_time !== NEVER ? momentText(key.expired_time) : "",
  };
}

const amountOf = (text) => {
  try {
    const nano = parseUsd(text);
    return nano >= 0n ? nano : null;
  } catch {
    return null;
  }
};

/** What is wrong in a form: {field: words}. */
export function faultsOf(form) {
  const faults = {};
  if (!form.name.trim()) faults.name = t("keys.needs.name");
  if (form.limited && amountOf(form.limit) === null) faults.limit = t("keys.needs.amount");
  for (const period of PERIODS) {
    const nano = form.budgets[period] === "" ? 1n : amountOf(form.budgets[period]);
    if (nano === null || nano < NANO_PER_QUOTA && form.budgets[period] !== "") faults[period] = t("keys.needs.amount");
  }
  if (form.expiry === "until" && !dateOf(form.until)) faults.until = t("keys.needs.until");
  return faults;
}

function expiryOf({ expiry, until }) {
  if (expiry === "never") return NEVER;
  const chosen = EXPIRIES[expiry];
  return chosen ? Math.floor(Date.now() / 1000) + chosen : Math.floor(dateOf(until).getTime() / 1000);
}

/** All that a form says, field by field of the API; the parts that belong together are under one name. */
const PARTS = {
  name: (form) => ({ name: form.name.trim() }),
  group: (form) => ({ group: form.group }),
  limited: (form) => ({ unlimited_quota: !form.limited }),
  limit: (form) => (form.limited ? { remain_quota: Number(amountOf(form.limit) / NANO_PER_QUOTA) } : {}),
  budgets: (form) => ({ budgets: PERIODS.filter((period) => form.budgets[period] !== "").map((period) => ({ period, limit_usd: form.budgets[period].trim() })) }),
  zone: (form) => ({ budget_timezone: form.zone.trim() }),
  models: (form) => ({ models: form.models.join(",") }),
  networks: (form) => ({ subnet: listOf(form.networks).join(",") }),
  rates: (form) => Object.fromEntries(RATES.map((name) => [name, Math.max(0, Math.trunc(Number(form[name]) || 0))])),
  expiry: (form) => ({ expired_time: expiryOf(form) }),
};

const WATCHED = { rates: RATES, expiry: ["expiry", "until"], limit: ["limit", "limited"] };
const textOf = (form, part) => JSON.stringify((WATCHED[part] ?? [part]).map((name) => form[name]));

/** The body of a new key, or (with the form as it was) of what changed in one. */
export function bodyOf(form, before = null) {
  const parts = Object.keys(PARTS).filter((part) => !before || textOf(form, part) !== textOf(before, part));
  return Object.assign({}, ...parts.map((part) => PARTS[part](form)));
}
