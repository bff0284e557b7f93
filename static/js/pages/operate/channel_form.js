// The form of a channel: the vendor's own fields first, then what every channel has.
import { computed, reactive, useId, watch } from "vue";
import { has, language, t } from "../../core/i18n.js";
import { bind, html } from "../../html.js";
import { Check, Field, Segments } from "../../parts/Field.js";
import { Json } from "../../parts/Json.js";
import { Pick } from "../../parts/Pick.js";
import { HIDDEN } from "./channel_draft.js";
import { SECTIONS, setIn } from "./channel_fields.js";
import { Models } from "./channel_models.js";
import { Secret } from "./channel_secret.js";

const labelOf = (label, optional) => (optional ? t("optional.label", { label }) : label);
const isObject = (value) => value !== null && typeof value === "object" && !Array.isArray(value);
const notText = (value) => !isObject(value) || Object.values(value).some((each) => typeof each !== "string");

/** What a JSON field says of what parses. */
const CHECKS = {
  object: (value) => (isObject(value) ? "" : t("channel.json.object")),
  texts: (value) => (notText(value) ? t("channel.json.texts") : ""),
  list: (value) => (Array.isArray(value) ? "" : t("channel.json.list")),
};
const checkOf = (field) => CHECKS[field.list ? "list" : field.texts ? "texts" : "object"];

/** Names that a mapping speaks of and the channel does not serve: they are never asked for. */
function unknownIn(text, models) {
  try {
    return Object.keys(JSON.parse(text || "{}")).filter((name) => !models.includes(name));
  } catch {
    return [];
  }
}

/**
 * `draft` is changed in place. `row` is the channel, null for a new one. `faults`: {field: words}. `lookups`: {groups, models}.
 * `types`: options of vendors for the choice of the type, or empty where it is fixed.
 */
export const ChannelForm = {
  name: "ChannelForm",
  props: {
    draft: { type: Object, required: true }, row: { default: null }, vendor: { default: null }, types: { type: Array, default: () => [] },
    faults: { type: Object, default: () => ({}) }, lookups: { type: Object, required: true }, version: { type: Number, default: 0 },
  },
  setup(props) {
    const models = useId();
    const opened = reactive({});
    watch(() => props.faults, (faults) => {
      for (const { name, fields } of SECTIONS) if (fields.some((field) => faults[field.name])) opened[name] = true;
    });
    const strangers = computed(() => unknownIn(props.draft.model_mapping, props.draft.models));
    const hint = (name) => (has(`channel.h.${name}`) ? t(`channel.h.${name}`) : "");
    const put = (name) => ({ modelValue: props.draft[name], "onUpdate:modelValue": (value) => { props.draft[name] = value; } });
    const wrap = (name, inner, { label = t(`channel.f.${name}`), help = hint(name), whole = false } = {}) => html`<${Field} key=${name} class=${{ whole }} label=${label} hint=${help} error=${props.faults[name] ?? ""}>${inner}</${Field}>`;
    const text = (name, { mono = false, ...options } = {}, more = {}) => wrap(name, (given) => html`<input ...${given} name=${name} class=${{ mono }} autocomplete="off" autocapitalize="none" spellcheck="false" ...${options} ...${bind(props.draft, name)} />`, more);

    const KINDS = {
      text: (field) => text(field.name, { mono: field.mono, list: field.offers ? models : null }, field),
      number: (field) => text(field.name, { inputmode: "numeric", placeholder: field.empty ? t(field.empty) : null }, field),
      lines: (field) => wrap(field.name, (given) => html`<textarea ...${given} name=${field.name} rows="4" ...${bind(props.draft, field.name)}></textarea>`, field),
      json: (field) => wrap(field.name, ({ id }) => html`<${Json} id=${id} label=${t(`channel.f.${field.name}`)} rows=${4} check=${checkOf(field)} ...${put(field.name)} />`, field),
      choice: (field) => wrap(field.name, (given) => html`<select ...${given} name=${field.name} ...${bind(props.draft, field.name, { event: "onChange" })}>
        ${field.choices.map((choice) => html`<option key=${choice} value=${choice}>${t(`${field.words}.${choice}`)}</option>`)}</select>`, field),
      check: (field) => html`<div key=${field.name} class="whole"><${Check} label=${t(`channel.f.${field.name}`)} hint=${hint(field.name)} ...${put(field.name)} /></div>`,
    };

    /** A field of the vendor's own, as the catalogue describes it. */
    function configNode(field) {
      const { config } = props.draft;
      const value = config[field.name] ?? "";
      const tell = (next) => { config[field.name] = next; };
      const name = `config.${field.name}`;
      const label = labelOf(field.label[language()] ?? field.label.en, !field.required);
      const help = field.help[language()] ?? field.help.en;
      const wide = field.kind !== "text";
      if (field.secret) {
        const stored = Boolean(props.row) && JSON.parse(props.row.config || "{}")[field.name] === HIDDEN && props.draft.type === props.row.type;
        return html`<div key=${name} class=${{ whole: wide }}><${Secret} name=${name} label=${label} hint=${help} error=${props.faults[name] ?? ""} lines=${field.kind === "json"}
          set=${stored} kept=${HIDDEN} removable=${!field.required} version=${props.version} modelValue=${value} ...${{ "onUpdate:modelValue": tell }} /></div>`;
      }
      const more = { label, help, whole: wide };
      if (field.choices.length) {
        return wrap(name, (given) => html`<select ...${given} name=${name} value=${value} onChange=${({ target }) => tell(target.value)}>
          <option value="">${field.default ? t("channel.usually", { value: field.default }) : t("channel.usual")}</option>
          ${field.choices.map((choice) => html`<option key=${choice} value=${choice}>${choice}</option>`)}</select>`, more);
      }
      if (wide) return wrap(name, ({ id }) => html`<${Json} id=${id} label=${label} rows=${4} check=${field.kind === "map" ? CHECKS.texts : CHECKS.object} modelValue=${value} ...${{ "onUpdate:modelValue": tell }} />`, more);
      return wrap(name, (given) => html`<input ...${given} name=${name} autocomplete="off" spellcheck="false" placeholder=${field.default || null} value=${value} onInput=${({ target }) => tell(target.value)} />`, more);
    }

    const docs = () => (props.vendor?.docs ? html`<p class="small whole"><a href=${props.vendor.docs} target="_blank" rel="noreferrer">${t("channel.docs", { name: props.vendor.name })}</a></p>` : null);
    const ways = () => [{ value: "each", label: t("channel.keys.each") }, { value: "one", label: t("channel.keys.one") }];
    function keyNode() {
      const { draft, row, vendor } = props;
      const lines = draft.key.split("\n").filter((line) => line.trim()).length;
      const label = labelOf(t("channel.f.key"), vendor?.needs_key === false);
      return html`<div class="stack tight whole">
        <${Secret} name="key" label=${label} hint=${t(row?.has_key ? "channel.h.key.old" : "channel.h.key.new")} error=${props.faults.key ?? ""} set=${Boolean(row?.has_key)} lines version=${props.version} ...${put("key")} />
        ${!row && lines > 1 ? html`<div class="row wrap"><${Segments} label=${t("channel.keys")} options=${ways()} modelValue=${draft.multi_key ? "one" : "each"} ...${{ "onUpdate:modelValue": (way) => { draft.multi_key = way === "one"; } }} />
          <span class="hint">${t(draft.multi_key ? "channel.keys.one.says" : "channel.keys.each.says", { count: lines })}</span></div>` : null}</div>`;
    }
    function connection() {
      const { vendor } = props;
      const needs = vendor?.needs_base_url;
      const label = labelOf(t("channel.f.base_url"), !needs);
      return html`<section><h3>${t("channel.section.connection")}</h3><div class="fields">
        ${text("name")}
        ${props.types.length ? wrap("type", ({ id }) => html`<${Pick} id=${id} label=${t("channel.f.type")} options=${props.types} ...${put("type")} />`) : null}
        ${text("base_url", { mono: true, placeholder: vendor?.base_url || "https://", inputmode: "url" }, { label, whole: true, help: needs ? hint("base_url") : vendor?.base_url ? t("channel.base.default") : "" })}
        ${keyNode()}${(vendor?.config ?? []).map(configNode)}${docs()}</div></section>`;
    }
    function serves() {
      const { draft, row, vendor, lookups } = props;
      return html`<section><h3>${t("channel.section.serves")}</h3>
        <${Models} known=${lookups.models} usual=${vendor?.models ?? []} channel=${row?.id ?? 0} lists=${Boolean(vendor?.lists_models)} error=${props.faults.models ?? ""} ...${put("models")} />
        ${wrap("group", ({ id }) => html`<${Pick} id=${id} several own label=${t("channel.f.group")} options=${[...new Set([...lookups.groups, ...draft.group])]} modelValue=${draft.group}
          ...${{ "onUpdate:modelValue": (value) => { draft.group = value || []; } }} />`)}
        ${wrap("model_mapping", ({ id }) => html`<${Json} id=${id} label=${t("channel.f.model_mapping")} rows=${3} check=${CHECKS.texts} ...${put("model_mapping")} />`)}
        ${strangers.value.length ? html`<p class="small warn" role="status">${t("channel.mapping.unknown", { count: strangers.value.length, names: strangers.value.slice(0, 8).join(t("comma")) })}</p>` : null}</section>`;
    }
    function section(one) {
      const fields = one.fields.filter(({ only }) => !only || only(props.vendor));
      const body = html`<div class="fields">${fields.map((field) => KINDS[field.kind](field))}</div>`;
      if (one.open) return html`<section key=${one.name}><h3>${t(`channel.section.${one.name}`)}</h3>${body}</section>`;
      const said = setIn(one, props.draft);
      return html`<details key=${one.name} class="fold" open=${opened[one.name] ?? false} onToggle=${({ target }) => { opened[one.name] = target.open; }}>
        <summary><h3>${t(`channel.section.${one.name}`)}</h3><span class="quiet small">${said ? t("channel.setcount", { count: said }) : t(`channel.section.${one.name}.says`)}</span></summary>${body}</details>`;
    }
    return () => html`<div class="channel-form">${connection()}${serves()}${SECTIONS.map(section)}
      <datalist id=${models}>${props.draft.models.slice(0, 200).map((name) => html`<option key=${name} value=${name} />`)}</datalist></div>`;
  },
};
