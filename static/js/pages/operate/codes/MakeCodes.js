// New codes. Their texts are shown when they are made, to be copied or kept as a file.
import { reactive, ref, shallowRef } from "vue";
import { saveAs } from "../../../core/files.js";
import { number, t } from "../../../core/i18n.js";
import { parseUsd } from "../../../core/money.js";
import { call, NANO_PER_QUOTA } from "../../../core/session.js";
import { bind, html } from "../../../html.js";
import { Ask } from "../../../parts/Ask.js";
import { Copy } from "../../../parts/Copy.js";
import { Field, Segments } from "../../../parts/Field.js";
import { Icon } from "../../../parts/Icon.js";
import { Money } from "../../../parts/Money.js";

const MOST = 10_000;
const endOfDay = (day) => Math.floor(new Date(`${day}T23:59:59`).getTime() / 1000);
const whole = (text, least, most) => /^\d{1,6}$/.test(String(text)) && Number(text) >= least && Number(text) <= most;

/** The value of one code in nano-dollars, or null where it is none. */
function valueOf({ value, unit }) {
  try {
    const nano = unit === "quota" ? (/^\d{1,15}$/.test(value.trim()) ? BigInt(value.trim()) * NANO_PER_QUOTA : null) : parseUsd(value);
    return nano === null || nano <= 0n || nano % NANO_PER_QUOTA ? null : nano;
  } catch {
    return null;
  }
}

function faults(form) {
  const found = {};
  if (!form.name.trim()) found.name = t("codes.name.wrong");
  if (valueOf(form) === null) found.value = t("users.amount.wrong");
  if (!whole(form.count, 1, MOST)) found.count = t("codes.count.wrong", { most: MOST });
  if (!whole(form.per_user || 0, 0, 1000)) found.per_user = t("codes.per_user.wrong");
  if (!whole(form.days || 0, 0, 36_500)) found.days = t("codes.days.wrong");
  return found;
}

const bodyOf = (form) => ({
  name: form.name.trim(), quota: Number(valueOf(form) / NANO_PER_QUOTA), count: Number(form.count), credit_source: form.source,
  credit_valid_days: Number(form.days) || 0, per_user: Number(form.per_user) || 0, ...(form.expires ? { expires_at: endOfDay(form.expires) } : {}),
});

export const MakeCodes = {
  name: "MakeCodes",
  emits: ["close", "made"],
  setup(_, { emit }) {
    const form = reactive({ name: "", value: "", unit: "usd", count: "10", expires: "", per_user: "", source: "paid", days: "" });
    const wrong = ref({});
    const made = shallowRef({ texts: [], batch: 0 });
    async function act() {
      wrong.value = faults(form);
      if (Object.keys(wrong.value).length) return false;
      const answer = await call.post("/api/redemption/", bodyOf(form));
      made.value = { texts: answer.data, batch: answer.batch };
      emit("made");
      return true;
    }
    const input = (name, label, { hint = "", ...more } = {}) => html`<${Field} label=${label} hint=${hint} error=${wrong.value[name] ?? ""}>${(given) => html`
      <input ...${given} name=${name} autocomplete="off" ...${more} ...${bind(form, name)} />`}</${Field}>`;
    function sum() {
      const nano = valueOf(form);
      if (nano === null || !whole(form.count, 1, MOST)) return null;
      return html`<p class="quiet" aria-live="polite">${t("codes.sum", { count: Number(form.count) })} <${Money} nano=${nano * BigInt(form.count)} full /></p>`;
    }
    const source = () => html`<${Field} label=${t("users.source")} hint=${t(`users.source.${form.source}.hint`)}>${(given) => html`<select ...${given} ...${bind(form, "source", { event: "onChange" })}>
      ${["paid", "gift"].map((one) => html`<option key=${one} value=${one}>${t(`users.source.${one}`)}</option>`)}</select>`}</${Field}>`;
    const unit = () => html`<${Segments} label=${t("codes.unit")} options=${["usd", "quota"].map((value) => ({ value, label: t(`codes.unit.${value}`) }))} modelValue=${form.unit}
      onUpdate:modelValue=${(value) => { form.unit = value; }} />`;
    const slots = {
      default: () => html`<div class="fields">
        ${input("name", t("column.name"), { hint: t("codes.name.hint"), maxlength: 20, autofocus: true })}
        ${input("count", t("codes.count"), { inputmode: "numeric" })}
        <div class="beside">${input("value", t("codes.value"), { inputmode: "decimal" })}${unit()}</div>
        ${input("expires", t("optional.label", { label: t("codes.expires") }), { type: "date" })}
        ${input("per_user", t("optional.label", { label: t("codes.per_user") }), { inputmode: "numeric", hint: t("codes.per_user.hint") })}
        ${source()}
        ${input("days", t("optional.label", { label: t("codes.days") }), { inputmode: "numeric", hint: t("codes.days.hint") })}</div>${sum()}`,
      done: () => {
        const text = made.value.texts.join("\n");
        return html`<p>${t("codes.made", { count: made.value.texts.length })}</p>
          <textarea class="mono" readonly rows="8" id="made-codes" aria-label=${t("nav.codes")} value=${text}></textarea>
          <div class="row wrap below"><${Copy} words text=${text} label=${t("codes.copyall", { count: number(made.value.texts.length) })} />
            <button type="button" class="button tiny" onClick=${() => saveAs(`codes-${made.value.batch}.txt`, `${text}\n`)}><${Icon} name="download" />${t("codes.save")}</button></div>`;
      },
    };
    return () => html`<${Ask} wide title=${t("codes.new")} go=${t("codes.new.go")} act=${act} onClose=${() => emit("close")}>${slots}</${Ask}>`;
  },
};
