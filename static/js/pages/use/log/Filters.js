// The controls above the log. What they hold is in the address.
import { computed, onBeforeUnmount, onMounted, ref, shallowRef } from "vue";
import { t } from "../../../core/i18n.js";
import { call, isAdmin, loadKeys, loadModels, session } from "../../../core/session.js";
import { html } from "../../../html.js";
import { Field } from "../../../parts/Field.js";
import { TimeRange } from "../../../parts/TimeRange.js";

const WAIT_MS = 350;
const TYPES = ["0", "2", "1", "3", "4", "5"];
const OUTCOMES = [
  "complete", "client_closed", "cancelled", "upstream_cut", "upstream_error", "upstream_failed", "upstream_timeout", "credit_exhausted", "empty", "server_stopped", "failed",
];

/** What can be chosen from; only suggestions depend on it, so what cannot be read is left out. */
function useSuggestions() {
  const groups = shallowRef([]);
  const channels = shallowRef([]);
  const quietly = (work) => work().catch(() => null);
  onMounted(() => {
    if (!session.models.length) quietly(loadModels);
    if (!session.keys && !isAdmin.value) quietly(loadKeys);
    quietly(async () => {
      const { data } = await call.get(isAdmin.value ? "/api/group" : "/api/user/groups");
      groups.value = Array.isArray(data) ? data : Object.keys(data);
    });
    if (isAdmin.value) quietly(async () => { channels.value = (await call.get("/api/channel/", { p: 0, page_size: 100 })).data; });
  });
  const keys = computed(() => [...new Set((session.keys ?? []).map((key) => key.name))]);
  return { groups, channels, keys };
}

/** A text that is applied a moment after one stopped typing. */
function useTyping(props) {
  const typed = ref({});
  let timer = 0;
  onBeforeUnmount(() => clearTimeout(timer));
  function apply(name, value) {
    clearTimeout(timer);
    typed.value = {};
    if (value.trim() !== props.filter[name]) props.set({ [name]: value.trim() });
  }
  function input(name, value) {
    typed.value = { ...typed.value, [name]: value };
    clearTimeout(timer);
    timer = setTimeout(() => apply(name, value), WAIT_MS);
  }
  return { shown: (name) => typed.value[name] ?? props.filter[name], input, apply };
}

export const Filters = {
  name: "LogFilters",
  props: { filter: { type: Object, required: true }, set: { type: Function, required: true } },
  setup(props, { slots }) {
    const { groups, channels, keys } = useSuggestions();
    const typing = useTyping(props);
    const root = ref(null);
    function shortcut(event) {
      if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey || event.target.closest?.("input, select, textarea, dialog")) return;
      event.preventDefault();
      root.value.querySelector("input[name=model]").focus();
    }
    onMounted(() => document.addEventListener("keydown", shortcut));
    onBeforeUnmount(() => document.removeEventListener("keydown", shortcut));

    const text = (name, label, options) => html`<${Field} label=${label} silent class="narrow">${(given) => html`
      <input class="input" ...${given} name=${name} list=${options.length ? `log-${name}` : null} placeholder=${label} autocomplete="off" autocapitalize="none" spellcheck="false"
        aria-keyshortcuts=${name === "model" ? "/" : null} value=${typing.shown(name)}
        onInput=${({ target }) => typing.input(name, target.value)} onChange=${({ target }) => typing.apply(name, target.value)} />
      ${options.length ? html`<datalist id="log-${name}">${options.map((value) => html`<option key=${value} value=${value} />`)}</datalist>` : null}`}</${Field}>`;
    const select = (name, label, options) => html`<${Field} label=${label} silent class="narrow">${(given) => html`
      <select ...${given} name=${name} value=${props.filter[name]} onChange=${({ target }) => props.set({ [name]: target.value })}>
        ${options.map(([value, shown]) => html`<option key=${value} value=${value} selected=${value === props.filter[name]}>${shown}</option>`)}</select>`}</${Field}>`;
    const any = (label) => ["", label];
    return () => html`<div class="bar log-filters" role="search" ref=${root}>
      <${TimeRange} filter=${props.filter} set=${props.set} />
      ${text("model", t("log.any.model"), session.models)}
      ${select("type", t("column.type"), TYPES.map((type) => [type, t(`logtype.${type}`)]))}
      ${text("key", t("log.any.key"), keys.value)}
      ${isAdmin.value ? text("user", t("log.any.user"), []) : null}
      ${isAdmin.value ? select("channel", t("column.channel"), [any(t("log.any.channel")), ...channels.value.map((one) => [String(one.id), `${one.name} (${one.id})`])]) : null}
      ${groups.value.length > 1 || props.filter.group ? select("group", t("column.group"), [any(t("log.any.group")), ...groups.value.map((name) => [name, name])]) : null}
      ${select("outcome", t("column.outcome"), [any(t("log.any.outcome")), ...OUTCOMES.map((one) => [one, t(`outcome.${one}`)])])}
      ${slots.default?.()}</div>`;
  },
};
