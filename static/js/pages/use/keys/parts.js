// How the facts of a key are shown, in the table and in its drawer.
import { t, word } from "../../../core/i18n.js";
import { nanoOf } from "../../../core/money.js";
import { html } from "../../../html.js";
import { Icon } from "../../../parts/Icon.js";
import { Money } from "../../../parts/Money.js";
import { Time } from "../../../parts/Time.js";
import { NEVER, RATES } from "./key_form.js";

export const ACTIVE = 1;
export const OFF = 2;

export function statusWord({ status }) {
  const text = word("keys.state", status);
  return status === ACTIVE ? html`<span>${text}</span>` : html`<span class="word warning"><${Icon} name="alert" />${text}</span>`;
}

export const left = (key) => (key.unlimited_quota ? html`<span class="quiet">${t("keys.noLimit")}</span>` : html`<${Money} nano=${nanoOf(key, "remain")} down />`);
export const expires = (key) => (key.expired_time === NEVER ? t("keys.never") : html`<${Time} at=${key.expired_time} day />`);
/** The directory writes the time of the last use a little later than the books. */
export const used = (key) => (key.accessed_time ? html`<${Time} at=${key.accessed_time} />` : html`<span class="quiet">${t(key.used_nano ? "keys.usedNow" : "keys.unused")}</span>`);
export const models = (key) => (key.models ? key.models.split(",").join(t("comma")) : html`<span class="quiet">${t("keys.models.all")}</span>`);
export const networks = (key) => (key.subnet ? key.subnet.split(",").join(t("comma")) : null);

/** "60 rpm, 2 at once"; empty where there is no limit. */
export function rates(key) {
  return RATES.filter((name) => key[name]).map((name) => t(`keys.rated.${name}`, { count: key[name] })).join(t("comma"));
}

/** What may be spent in a period, and what was. */
export function budgets(key) {
  if (!key.budgets?.length) return null;
  return key.budgets.map((one) => html`<span class="budget" key=${one.period}><${Money} nano=${nanoOf(one, "spent")} /> / <${Money} nano=${nanoOf(one, "limit")} /> ${t(`keys.per.${one.period}`)}</span>`);
}
