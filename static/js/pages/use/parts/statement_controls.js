// Whose statement, of which period, grouped how; and the same as a file.
import { link } from "../../../core/api.js";
import { t } from "../../../core/i18n.js";
import { PERIODS } from "../../../core/periods.js";
import { account as mine, ledger, session } from "../../../core/session.js";
import { html } from "../../../html.js";
import { Segments } from "../../../parts/Field.js";
import { AccountField } from "../../audit/parts/AccountField.js";

const GROUPS = ["none", "day", "month", "model", "key"];
const FORMATS = ["csv", "jsonl", "xlsx"];

/** "laptop" for one's own key, else the account as the books name it. */
export function accountName(account) {
  if (account === mine()) return t("statement.own");
  return session.keys?.find((one) => `key:${one.id}` === account)?.name ?? account;
}

function choices(account) {
  const all = [mine(), ...(session.keys ?? []).map((key) => `key:${key.id}`)];
  // A key that was deleted still has its statement.
  if (!all.includes(account)) all.push(account);
  return all.map((value) => ({ value, label: accountName(value) }));
}

function whose(account, set, isAdmin) {
  const choose = (next) => set({ account: next === mine() ? "" : next });
  if (isAdmin) return html`<${AccountField} modelValue=${account} own=${choices(mine())} onUpdate:modelValue=${choose} />`;
  return html`<label class="field"><span class="name">${t("column.account")}</span><select name="account" value=${account} onChange=${({ target }) => choose(target.value)}>
    ${choices(account).map(({ value, label }) => html`<option key=${value} value=${value} selected=${value === account}>${label}</option>`)}</select></label>`;
}

export function controls({ filter, set, account, isAdmin }) {
  const day = (name) => html`<label class="field date"><span class="name">${t(`range.${name}`)}</span><input type="date" name=${name} value=${filter[name]} onChange=${({ target }) => set({ [name]: target.value })} /></label>`;
  return html`<div class="bar" role="search">
    ${whose(account, set, isAdmin)}
    <label class="field narrow"><span class="name">${t("statement.period")}</span><select name="period" value=${filter.period} onChange=${({ target }) => set({ period: target.value, from: "", to: "" })}>
      ${PERIODS.map((name) => html`<option key=${name} value=${name} selected=${name === filter.period}>${t(`statement.period.${name}`)}</option>`)}</select></label>
    ${filter.period === "custom" ? [day("from"), day("to")] : null}
    <${Segments} label=${t("statement.group")} options=${GROUPS.map((value) => ({ value, label: t(`statement.by.${value}`) }))} modelValue=${filter.group} onUpdate:modelValue=${(group) => set({ group })} />
  </div>`;
}

/** Plain links: the browser writes the file as it comes, however long it is. */
export function downloads(params, group) {
  const wanted = { ...params, group: group === "none" ? "" : group };
  return html`<span class="quiet small">${t("statement.download")}</span>
    ${FORMATS.map((format) => html`<a key=${format} class="button tiny" id="download-${format}" download="" href=${link(`${ledger()}/statement`, { ...wanted, format })}>${format.toUpperCase()}</a>`)}`;
}
