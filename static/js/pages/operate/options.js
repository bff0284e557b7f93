// Options: all that can be set while the gateway runs, in groups, and a search over all of them.
import { computed, onBeforeUnmount, onMounted } from "vue";
import { onBeforeRouteLeave, useRouter } from "vue-router";
import { t } from "../../core/i18n.js";
import { useQuery } from "../../core/query.js";
import { html } from "../../html.js";
import { confirm } from "../../parts/confirm.js";
import { Failure } from "../../parts/Failure.js";
import { Empty, Page } from "../../parts/Page.js";
import { hintOf, labelOf } from "./option_field.js";
import { useOptions } from "./option_form.js";
import { OptionGroup } from "./option_group.js";
import { groupsWith } from "./option_table.js";

const FIRST = "general";

const holds = (name, words) => [name, labelOf(name), hintOf(name)].some((text) => text.toLowerCase().includes(words));

function searched(groups, words) {
  const narrowed = groups.map((group) => ({ ...group, parts: group.parts.map((part) => ({ ...part, names: part.names.filter((name) => holds(name, words)) })) }));
  return narrowed.filter(({ parts }) => parts.some((part) => part.names.length));
}

/** Asks before what was typed is lost. */
function useLeaving(form) {
  const count = () => Object.keys(form.typed).length;
  const closing = (event) => { if (count()) event.preventDefault(); };
  onMounted(() => window.addEventListener("beforeunload", closing));
  onBeforeUnmount(() => window.removeEventListener("beforeunload", closing));
  onBeforeRouteLeave(() => !count() || confirm({ title: t("options.leave"), text: t("options.leave.text", { count: count() }), go: t("options.leave.go") }));
}

export default {
  name: "Options",
  setup() {
    const router = useRouter();
    const { filter, set } = useQuery({ group: FIRST, q: "" });
    const form = useOptions();
    onMounted(() => form.run());
    useLeaving(form);
    const groups = computed(() => groupsWith(form.all.value));
    const current = computed(() => groups.value.find(({ id }) => id === filter.value.group) ?? groups.value[0]);
    const words = computed(() => filter.value.q.trim().toLowerCase());
    const shown = computed(() => (words.value ? searched(groups.value, words.value) : [current.value]));
    const changes = ({ parts }) => parts.flatMap((part) => part.names).filter(form.isChanged).length;
    const href = (id) => router.resolve({ path: "/options", query: id === FIRST ? {} : { group: id } }).href;
    const nav = () => html`<nav class="option-nav" aria-label=${t("options.groups")}>${groups.value.map((group) => html`
      <a key=${group.id} href=${href(group.id)} aria-current=${!words.value && group.id === current.value.id ? "page" : null}>${t(`options.group.${group.id}`)}
        ${changes(group) ? html`<span class="count" title=${t("options.changed", { count: changes(group) })}>${changes(group)}</span>` : null}</a>`)}</nav>`;
    return () => html`<${Page} title=${t("nav.options")}>${{
      lead: () => t("options.lead"),
      default: () => html`
        <${Failure} error=${form.error.value} retry=${() => form.run()} />
        ${!form.data.value ? html`<div class="waiting" aria-busy=${!form.error.value} />` : html`<div class="option-page">
          <div class="option-side"><input class="input" type="search" aria-label=${t("options.search")} placeholder=${t("options.search")} value=${filter.value.q} onInput=${({ target }) => set({ q: target.value })} />${nav()}</div>
          <div class="option-forms">${shown.value.length ? shown.value.map((group) => html`<${OptionGroup} key=${group.id} form=${form} group=${group} />`)
            : html`<${Empty} title=${t("options.nothing")} text=${t("options.nothing.text")}><button type="button" class="button" onClick=${() => set({ q: "" })}>${t("filter.clear")}</button></${Empty}>`}</div></div>`}`,
    }}</${Page}>`;
  },
};
