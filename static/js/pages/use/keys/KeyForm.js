// One dialog to make a key (or several alike) and to change one.
import { onMounted, reactive, ref, shallowRef } from "vue";
import { t } from "../../../core/i18n.js";
import { call, session } from "../../../core/session.js";
import { bind, html } from "../../../html.js";
import { Ask } from "../../../parts/Ask.js";
import { Check, Field, Segments } from "../../../parts/Field.js";
import { Pick } from "../../../parts/Pick.js";
import { bodyOf, EXPIRIES, faultsOf, formOf, PERIODS, RATES } from "./key_form.js";

const MOST_AT_ONCE = 100;
const ZONES = Intl.supportedValuesOf("timeZone");

export const KeyForm = {
  name: "KeyForm",
  props: { of: { type: Object, default: null } },
  emits: ["close", "saved"],
  setup(props, { emit }) {
    const before = formOf(props.of);
    const form = reactive(formOf(props.of));
    const faults = ref({});
    const groups = shallowRef([]);
    onMounted(async () => {
      const { data } = await call.get("/api/user/groups").catch(() => ({ data: {} })); // the field then offers what the key has
      groups.value = Object.entries(data).map(([name, { ratio, desc }]) => ({ name, label: [name, ratio && `× ${ratio}`, desc].filter(Boolean).join(" · ") }));
    });
    async function act() {
      faults.value = faultsOf(form);
      if (Object.keys(faults.value).length) return false;
      const { data } = props.of
        ? await call.put("/api/token/", { id: props.of.id, ...bodyOf(form, before) })
        : await call.post("/api/token/", { ...bodyOf(form), count: Number(form.count) || 1 });
      emit("saved", Array.isArray(data) ? data : [data]);
      return true;
    }

    const input = (object, name, label, more = {}) => html`<${Field} key=${name} label=${label} hint=${more.hint ?? ""} error=${faults.value[name] ?? ""}>${(given) => html`
      <input class="input" ...${given} name=${more.name ?? name} autocomplete="off" autofocus=${more.first ? "" : null} type=${more.type ?? "text"} inputmode=${more.inputmode ?? null} min=${more.min ?? null} max=${more.max ?? null}
        maxlength=${more.maxlength ?? null} placeholder=${more.placeholder ?? null} list=${more.choices ? `key-${name}` : null} ...${bind(object, name)} />
      ${more.choices ? html`<datalist id="key-${name}">${more.choices.map((value) => html`<option key=${value} value=${value} />`)}</datalist>` : null}`}</${Field}>`;
    const money = (object, name, label, hint) => input(object, name, label, { inputmode: "decimal", placeholder: t("keys.noLimit"), hint });
    const section = (name, content) => html`<fieldset key=${name}><legend>${t(`keys.section.${name}`)}</legend>${content}</fieldset>`;

    const first = () => html`<div class="fields">
      ${input(form, "name", t("column.name"), { name: "keyname", maxlength: 30, first: true, hint: t("keys.name.hint") })}
      ${props.of ? null : input(form, "count", t("keys.count"), { type: "number", min: 1, max: MOST_AT_ONCE, hint: t("keys.count.hint") })}
      ${groups.value.length > 1 || form.group ? html`<${Field} label=${t("column.group")} hint=${t("keys.group.hint")}>${(given) => html`<select class="input" ...${given} name="group" value=${form.group}
        onChange=${({ target }) => { form.group = target.value; }}>
        <option value="" selected=${!form.group}>${t("keys.group.own")}</option>
        ${groups.value.map(({ name, label }) => html`<option key=${name} value=${name} selected=${name === form.group}>${label}</option>`)}
        ${form.group && !groups.value.some(({ name }) => name === form.group) ? html`<option value=${form.group} selected>${form.group}</option>` : null}</select>`}</${Field}>` : null}</div>`;
    const spending = () => html`
      <${Check} label=${t("keys.limited")} hint=${t("keys.limited.hint")} modelValue=${form.limited} onUpdate:modelValue=${(value) => { form.limited = value; }} />
      ${form.limited ? html`<div class="fields">${input(form, "limit", t("keys.limit"), { inputmode: "decimal", placeholder: "5.00" })}</div>` : null}
      <div class="fields thirds">${PERIODS.map((period) => money(form.budgets, period, t(`keys.budget.${period}`)))}</div>
      ${PERIODS.some((period) => form.budgets[period]) ? html`<div class="fields">${input(form, "zone", t("keys.zone"), { placeholder: "UTC", hint: t("keys.zone.hint"), choices: ZONES })}</div>` : null}`;
    const scope = () => html`
      <${Field} label=${t("keys.models")} hint=${t("keys.models.hint")}>${({ id }) => html`<${Pick} id=${id} label=${t("keys.models")} several own options=${session.models} placeholder=${t("keys.models.all")}
        modelValue=${form.models} onUpdate:modelValue=${(value) => { form.models = value || []; }} />`}</${Field}>
      <${Field} label=${t("keys.networks")} hint=${t("keys.networks.hint")}>${(given) => html`<textarea class="mono" ...${given} name="networks" rows="2" spellcheck="false" placeholder="203.0.113.0/24" ...${bind(form, "networks")}></textarea>`}</${Field}>`;
    const rates = () => html`<div class="fields thirds">${RATES.map((name) => input(form, name, t(`keys.rate.${name}`), { type: "number", min: 0, placeholder: t("keys.noLimit") }))}</div>`;
    const expiry = () => html`
      <div><${Segments} label=${t("keys.section.expiry")} modelValue=${form.expiry} onUpdate:modelValue=${(value) => { form.expiry = value; }}
        options=${["never", ...Object.keys(EXPIRIES), "until"].map((value) => ({ value, label: t(`keys.expiry.${value}`) }))} /></div>
      ${form.expiry === "until" ? html`<div class="fields">${input(form, "until", t("keys.until"), { type: "datetime-local" })}</div>` : null}`;
    const SECTIONS = { first, spending, expiry, scope, rates };
    return () => html`<${Ask} wide title=${props.of ? t("keys.edit", { name: props.of.name }) : t("keys.new")} go=${t(props.of ? "save" : "keys.create")} act=${act} onClose=${() => emit("close")}>
      ${Object.entries(SECTIONS).map(([name, content]) => (name === "first" ? html`<div key="first">${content()}</div>` : section(name, content())))}</${Ask}>`;
  },
};
