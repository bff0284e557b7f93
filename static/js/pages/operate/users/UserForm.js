// A new user, or changes to one: name, group, limits, budgets.
import { onMounted, reactive, ref, shallowRef } from "vue";
import { t } from "../../../core/i18n.js";
import { parseUsd } from "../../../core/money.js";
import { call, isRoot, NANO_PER_QUOTA, ROLES } from "../../../core/session.js";
import { bind, html } from "../../../html.js";
import { Ask } from "../../../parts/Ask.js";
import { say } from "../../../parts/confirm.js";
import { Copy } from "../../../parts/Copy.js";
import { Field } from "../../../parts/Field.js";
import { Facts } from "../../../parts/Page.js";
import { periodText, roleText, secretText } from "./words.js";

const PERIODS = ["day", "week", "month"];
const LIMITS = ["rpm", "tpm", "concurrency"];
const LEAST_PASSWORD = 8;

function emptyForm(user) {
  const budgets = Object.fromEntries((user?.budgets ?? []).map(({ period, limit_usd }) => [period, limit_usd]));
  return {
    username: user?.username ?? "", password: user ? "" : secretText(), display_name: user?.display_name ?? "", email: user?.email ?? "", group: user?.group ?? "default",
    role: ROLES.user, credit: "", rpm: user?.rpm || "", tpm: user?.tpm || "", concurrency: user?.concurrency || "",
    budgets: Object.fromEntries(PERIODS.map((period) => [period, budgets[period] ?? ""])), budget_timezone: user?.budget_timezone ?? "",
  };
}

/** What is wrong with the form, by field; an empty object when nothing is. */
function faults(form, isNew) {
  const found = {};
  const money = (text) => {
    try {
      return !text || parseUsd(text) > 0n;
    } catch {
      return false;
    }
  };
  if (!form.username.trim()) found.username = t("users.username.wrong");
  if ((isNew || form.password) && form.password.length < LEAST_PASSWORD) found.password = t("users.password.wrong", { least: LEAST_PASSWORD });
  if (form.credit && (!money(form.credit) || parseUsd(form.credit) % NANO_PER_QUOTA)) found.credit = t("users.amount.wrong");
  for (const period of PERIODS) if (!money(form.budgets[period])) found[period] = t("users.amount.wrong");
  for (const name of LIMITS) if (!/^\d{0,9}$/.test(String(form[name]))) found[name] = t("users.limit.wrong");
  return found;
}

function bodyOf(form, isNew) {
  const budgets = PERIODS.filter((period) => form.budgets[period]).map((period) => ({ period, limit_usd: form.budgets[period] }));
  const body = { username: form.username.trim(), display_name: form.display_name.trim(), email: form.email.trim(), group: form.group || "default", budgets, budget_timezone: form.budget_timezone };
  for (const name of LIMITS) body[name] = Number(form[name]) || 0;
  if (form.password) body.password = form.password;
  if (isNew) Object.assign(body, { role: form.role, quota: form.credit ? Number(parseUsd(form.credit) / NANO_PER_QUOTA) : 0 });
  return body;
}

/** `user` null makes a new one. Emits "changed" with the user. */
export const UserForm = {
  name: "UserForm",
  props: { user: { type: Object, default: null } },
  emits: ["close", "changed"],
  setup(props, { emit }) {
    const isNew = !props.user;
    const form = reactive(emptyForm(props.user));
    const groups = shallowRef(["default"]);
    const wrong = ref({});
    onMounted(() => call.get("/api/group").then(({ data }) => { groups.value = data; }, () => null));
    async function act() {
      wrong.value = faults(form, isNew);
      if (Object.keys(wrong.value).length) return false;
      const body = bodyOf(form, isNew);
      const { data } = isNew ? await call.post("/api/user/", body) : await call.put("/api/user/", { id: props.user.id, ...body });
      if (!isNew) say(t("saved"));
      emit("changed", data);
      return true;
    }
    const text = (name, more = {}) => html`<${Field} label=${t(`users.${name}`)} hint=${more.hint ?? ""} error=${wrong.value[name] ?? ""}>${(given) => html`
      <input ...${given} name=${name} type=${more.type ?? "text"} maxlength=${more.most ?? null} inputmode=${more.mode ?? null} autocomplete=${more.complete ?? "off"} spellcheck="false" autofocus=${more.first || null} ...${bind(form, name)} />`}</${Field}>`;
    const group = () => html`<${Field} label=${t("column.group")} hint=${t("users.group.hint")}>${(given) => html`<input ...${given} name="group" list="user-groups" maxlength="32" autocomplete="off" spellcheck="false" ...${bind(form, "group", { trim: true })} />
      <datalist id="user-groups">${groups.value.map((name) => html`<option key=${name} value=${name} />`)}</datalist>`}</${Field}>`;
    const rank = () => (isNew && isRoot.value ? html`<${Field} label=${t("users.role")}>${(given) => html`<select ...${given} ...${bind(form, "role", { number: true, event: "onChange" })}>
      ${[ROLES.user, ROLES.admin].map((role) => html`<option key=${role} value=${role}>${roleText(role)}</option>`)}</select>`}</${Field}>` : null);
    const budget = (period) => html`<${Field} key=${period} label=${periodText(period)} error=${wrong.value[period] ?? ""}>${(given) => html`
      <input ...${given} name=${`budget-${period}`} inputmode="decimal" autocomplete="off" placeholder=${t("users.unlimited")} ...${bind(form.budgets, period)} />`}</${Field}>`;
    const limits = () => html`<details open=${!isNew && LIMITS.some((name) => form[name])}><summary>${t("users.limits")}</summary><div class="stack below">
      <div class="fields thirds">${LIMITS.map((name) => text(name, { mode: "numeric" }))}</div>
      <div class="fields thirds">${PERIODS.map(budget)}</div>
      <${Field} label=${t("users.zone")} hint=${t("users.zone.hint")}>${(given) => html`<input ...${given} name="zone" autocomplete="off" placeholder="UTC" ...${bind(form, "budget_timezone", { trim: true })} />`}</${Field}>
    </div></details>`;
    const told = () => html`<p>${t("users.made", { name: form.username.trim() })}</p>
      <${Facts} pairs=${[[t("users.username"), form.username.trim()], [t("users.password"), html`<code>${form.password}</code>`]]} />
      <${Copy} words text=${`${form.username.trim()}\n${form.password}`} label=${t("users.made.copy")} />`;
    const slots = {
      default: () => html`<div class="fields">
        ${text("username", { most: 30, first: true })}
        ${text("password", { hint: t(isNew ? "users.password.hint" : "users.password.keep"), complete: "new-password" })}
        ${text("display_name", { most: 20 })}${text("email", { type: "email", most: 50 })}
        ${group()}${rank()}${isNew ? text("credit", { hint: t("users.credit.hint"), mode: "decimal" }) : null}</div>
        ${limits()}`,
      ...(isNew ? { done: told } : {}),
    };
    return () => html`<${Ask} wide title=${isNew ? t("users.new") : t("users.edit.title", { name: props.user.username })} go=${isNew ? t("users.new.go") : t("save")} act=${act} onClose=${() => emit("close")}>${slots}</${Ask}>`;
  },
};
