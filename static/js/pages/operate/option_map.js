// A JSON option that maps names to values, edited as rows or as the text itself. Numbers stay the digits that were typed.
import { computed, ref, watch } from "vue";
import { t } from "../../core/i18n.js";
import { html } from "../../html.js";
import { Segments } from "../../parts/Field.js";
import { Icon } from "../../parts/Icon.js";
import { faultOf, Json } from "../../parts/Json.js";
import { MAPS } from "./option_table.js";

const PAIR = /("(?:[^"\\]|\\.)*")\s*:\s*("(?:[^"\\]|\\.)*"|[^,}\s]+)/g;

/** The rows of a flat object, values as text: strings without their quotes, numbers as they are written. */
export const rowsOf = (text) => [...(text || "{}").matchAll(PAIR)].map(([, name, raw]) => ({ name: JSON.parse(name), value: raw.startsWith('"') ? JSON.parse(raw) : raw }));

export function textOf(rows, kind) {
  const pairs = rows.map(({ name, value }) => `  ${JSON.stringify(name)}: ${kind === "number" ? value.trim() || "0" : JSON.stringify(value)}`);
  return pairs.length ? `{\n${pairs.join(",\n")}\n}` : "{}";
}

/** The fault of a row among all, in words. */
function faultOfRow(row, rows, name) {
  if (!row.name.trim() || rows.filter((other) => other.name === row.name).length > 1) return t("options.row.name");
  return faultOf(textOf([row], MAPS[name].table), MAPS[name].check)?.message ?? "";
}

const Rows = {
  name: "Rows",
  props: { modelValue: { type: String, required: true }, name: { type: String, required: true }, disabled: Boolean },
  emits: ["update:modelValue"],
  setup(props, { emit }) {
    const { table, choices } = MAPS[props.name];
    const rows = ref(rowsOf(props.modelValue));
    let mine = props.modelValue;
    watch(() => props.modelValue, (text) => { if (text !== mine) rows.value = rowsOf(text); });
    function change(next) {
      rows.value = next;
      mine = textOf(next, table);
      emit("update:modelValue", mine);
    }
    const edit = (at, field, text) => change(rows.value.map((row, place) => (place === at ? { ...row, [field]: text } : row)));
    const value = (row, at, label) => (table === "choice"
      ? html`<select class="select" aria-label=${label} value=${row.value} onChange=${({ target }) => edit(at, "value", target.value)}>${choices.map((one) => html`<option key=${one} value=${one} selected=${one === row.value}>${t(`options.rule.${one}`)}</option>`)}</select>`
      : html`<input class="input" aria-label=${label} inputmode=${table === "number" ? "decimal" : null} value=${row.value} onInput=${({ target }) => edit(at, "value", target.value)} />`);
    return () => html`<div class="map" role="group" aria-label=${t(`option.${props.name}`)}>
      ${rows.value.map((row, at) => {
        const fault = faultOfRow(row, rows.value, props.name);
        return html`<div class="map-row" key=${at}>
          <input class="input mono" aria-label=${t("options.row", { number: at + 1 })} aria-invalid=${fault ? "true" : null} value=${row.name} onInput=${({ target }) => edit(at, "name", target.value)} />
          ${value(row, at, t("options.rowvalue", { name: row.name }))}
          <button type="button" class="button bare icon-only" aria-label=${t("options.rowremove", { name: row.name })} title=${t("delete")} onClick=${() => change(rows.value.filter((_, place) => place !== at))}><${Icon} name="trash" /></button>
          ${fault ? html`<p class="wrong">${fault}</p>` : null}</div>`;
      })}
      <div><button type="button" class="button tiny" onClick=${() => change([...rows.value, { name: "", value: choices?.[0] ?? (table === "number" ? "1" : "") }])}><${Icon} name="plus" />${t("options.rowadd")}</button></div></div>`;
  },
};

const numbers = (limit) => ["rpm", "tpm", "concurrency"].filter((name) => limit?.[name]).map((name) => t(`options.limit.${name}`, { count: limit[name] })).join(t("comma"));

/** What a table of limits means, a sentence for each name. */
function limitWords(text, check) {
  if (faultOf(text, check)) return null;
  const all = Object.entries(JSON.parse(text || "{}"));
  if (!all.length) return html`<p class="hint">${t("options.limit.none")}</p>`;
  return html`<ul class="hint meaning">${all.map(([name, limit]) => html`<li key=${name}><strong>${name}</strong>${t("options.colon")}${numbers(limit) || t("options.limit.free")}${numbers(limit.each_user) ? `${t("options.semicolon")}${t("options.limit.each")} ${numbers(limit.each_user)}` : ""}</li>`)}</ul>`;
}

export const OptionMap = {
  name: "OptionMap",
  props: { modelValue: { type: String, required: true }, name: { type: String, required: true }, id: { type: String, default: undefined } },
  emits: ["update:modelValue"],
  setup(props, { emit }) {
    const { check, table, limits } = MAPS[props.name];
    const view = ref(table ? "table" : "json");
    const broken = computed(() => { try { JSON.parse(props.modelValue || "{}"); return false; } catch { return true; } });
    const update = (text) => emit("update:modelValue", text);
    const views = () => ["table", "json"].map((value) => ({ value, label: t(`options.view.${value}`) }));
    const rows = () => Math.min(14, Math.max(4, props.modelValue.split("\n").length + 1));
    return () => html`
      ${table ? html`<div><${Segments} label=${t("options.view")} options=${views()} modelValue=${view.value} onUpdate:modelValue=${(value) => { view.value = value; }} /></div>` : null}
      ${view.value === "table" && !broken.value ? html`<${Rows} name=${props.name} modelValue=${props.modelValue} onUpdate:modelValue=${update} />`
        : html`<${Json} id=${props.id} label=${t(`option.${props.name}`)} rows=${rows()} check=${check} modelValue=${props.modelValue} onUpdate:modelValue=${update} />`}
      ${limits ? limitWords(props.modelValue, check) : null}`;
  },
};
