// Credit given or taken away, with a reason. The page makes the key under which it is recorded, so that a second try never counts twice.
import { reactive, ref } from "vue";
import { t } from "../../../core/i18n.js";
import { nanoOf, parseUsd } from "../../../core/money.js";
import { call, NANO_PER_QUOTA } from "../../../core/session.js";
import { bind, html } from "../../../html.js";
import { Ask } from "../../../parts/Ask.js";
import { Field, Segments } from "../../../parts/Field.js";
import { Money } from "../../../parts/Money.js";
import { accountOf } from "./words.js";

const newKey = () => [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
const once = (key) => ({ headers: { "Idempotency-Key": key } });
const endOfDay = (day) => Math.floor(new Date(`${day}T23:59:59`).getTime() / 1000);
const WAYS = { credit: 1n, take: -1n };

/** The amount that was typed in nano-dollars; null for what is none, or is finer than a credit can be. */
function amountOf({ amount, way }) {
  try {
    const nano = parseUsd(amount);
    return nano <= 0n || (way === "credit" && nano % NANO_PER_QUOTA) ? null : nano;
  } catch {
    return null;
  }
}

function credit(user, form, nano, key) {
  const body = { user_id: user.id, quota: Number(nano / NANO_PER_QUOTA), remark: form.reason.trim() };
  if (form.source === "gift" || form.until) body.source = form.source;
  if (form.until) body.expires_at = endOfDay(form.until);
  return call.post("/api/topup", body, once(key));
}

const adjust = (user, amount, reason, key) => call.post(`/api/user/${user.id}/adjust`, { amount, reason }, once(key));

/** Takes back what was just recorded by an opposite entry; returns what came of it, in words. */
async function undo(user, form, key) {
  const reason = t("users.undone.reason", { reason: form.reason.trim() });
  try {
    if (form.way === "take") await adjust(user, form.amount.trim(), reason, `undo-${key}`);
    else {
      const { data } = await call.post("/api/ledger/reverse", { event: `recharge:admin:${key}`, reason });
      if (data.state === "proposed") return t("users.undo.waits");
    }
    return t("users.undone");
  } catch (error) {
    return t("users.undo.failed", { reason: error.message });
  }
}

/** Emits "changed" with {text, undo} when the balance is another: what was done, and a function that takes it back and tells how that went. */
export const Adjust = {
  name: "Adjust",
  props: { user: { type: Object, required: true }, way: { type: String, default: "credit" } },
  emits: ["close", "changed"],
  setup(props, { emit }) {
    const form = reactive({ way: props.way, amount: "", reason: "", source: "paid", until: "" });
    const key = newKey();
    const before = ref(null);
    const missing = ref(false);
    call.get("/api/ledger/balance", { account: accountOf(props.user) }).then(({ data }) => { before.value = nanoOf(data, "balance"); }, () => null);

    async function act() {
      const nano = amountOf(form);
      missing.value = nano === null || !form.reason.trim();
      if (missing.value) return false;
      if (form.way === "credit") await credit(props.user, form, nano, key);
      else await adjust(props.user, `-${form.amount.trim()}`, form.reason.trim(), key);
      const kept = { ...form };
      emit("changed", { text: t(`users.${form.way}.done`, { name: props.user.username, amount: form.amount.trim() }), undo: () => undo(props.user, kept, key) });
      return true;
    }
    function preview() {
      const nano = amountOf(form);
      const after = nano === null || before.value === null ? null : before.value + WAYS[form.way] * nano;
      return html`<dl class="facts balance-preview" aria-live="polite"><dt>${t("users.before")}</dt><dd><${Money} nano=${before.value} full /></dd>
        <dt>${t("users.after")}</dt><dd class=${{ low: after !== null && after < 0n }}><${Money} nano=${after} full /></dd></dl>`;
    }
    const wrongAmount = () => (missing.value && amountOf(form) === null ? t("users.amount.wrong") : "");
    const wrongReason = () => (missing.value && !form.reason.trim() ? t("users.reason.wrong") : "");
    const lot = () => html`<div class="fields">
      <${Field} label=${t("users.source")} hint=${t(`users.source.${form.source}.hint`)}>${(given) => html`<select ...${given} ...${bind(form, "source", { event: "onChange" })}>
        ${["paid", "gift"].map((source) => html`<option key=${source} value=${source}>${t(`users.source.${source}`)}</option>`)}</select>`}</${Field}>
      <${Field} label=${t("optional.label", { label: t("users.until") })} hint=${t("users.until.hint")}>${(given) => html`<input ...${given} type="date" ...${bind(form, "until")} />`}</${Field}></div>`;
    return () => html`<${Ask} title=${t("users.adjust.title", { name: props.user.username })} go=${t(`users.${form.way}.go`)} danger=${form.way === "take"} act=${act} onClose=${() => emit("close")}>
      <${Segments} label=${t("users.way")} options=${Object.keys(WAYS).map((value) => ({ value, label: t(`users.${value}`) }))} modelValue=${form.way} onUpdate:modelValue=${(way) => { form.way = way; }} />
      <${Field} label=${t("users.amount")} hint=${form.way === "credit" ? t("users.amount.hint") : ""} error=${wrongAmount()}>${(given) => html`<input ...${given} name="amount" inputmode="decimal" autocomplete="off" autofocus ...${bind(form, "amount")} />`}</${Field}>
      <${Field} label=${t("users.reason")} hint=${t("users.reason.hint")} error=${wrongReason()}>${(given) => html`<input ...${given} name="reason" maxlength="500" ...${bind(form, "reason")} />`}</${Field}>
      ${form.way === "credit" ? lot() : null}
      ${preview()}
    </${Ask}>`;
  },
};
