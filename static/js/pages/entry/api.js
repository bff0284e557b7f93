// The management API, browsable: GET /api/openapi.json, by groups and by search. The address says what is open: #/api?group=token&open=post_token
import { computed, nextTick, onMounted } from "vue";
import { RouterLink, useRoute } from "vue-router";
import * as api from "../../core/api.js";
import { t } from "../../core/i18n.js";
import { useLoad } from "../../core/load.js";
import { useQuery } from "../../core/query.js";
import { html } from "../../html.js";
import { Failure } from "../../parts/Failure.js";
import { Field } from "../../parts/Field.js";
import { Empty, Page } from "../../parts/Page.js";
import { operationsOf } from "./api/document.js";
import { Operation, spoken } from "./api/Operation.js";

const DOCUMENT = "/api/openapi.json";

const fits = ({ search, group }) => {
  const words = search.toLowerCase().split(/\s+/).filter(Boolean);
  return (one) => (!group || one.group === group) && words.every((word) => `${one.method} ${one.path} ${one.summary}`.toLowerCase().includes(word));
};

/** [[group, operations]], in the order of the document. */
function grouped(operations) {
  const groups = new Map();
  for (const one of operations) groups.set(one.group, [...(groups.get(one.group) ?? []), one]);
  return [...groups];
}

export default {
  name: "ApiReference",
  setup() {
    const route = useRoute();
    const { filter, set, clear } = useQuery({ search: "", group: "", open: "" });
    const { data, error, busy, run } = useLoad(async (signal) => {
      const document = await api.get(DOCUMENT, {}, { signal });
      return { info: document.info, operations: operationsOf(document) };
    });
    onMounted(async () => {
      await run();
      await nextTick();
      document.getElementById(filter.value.open)?.scrollIntoView({ block: "start" });
    });
    const shown = computed(() => grouped((data.value?.operations ?? []).filter(fits(filter.value))));
    const turn = (id, open) => set({ open: open ? id : "" });
    const groupLink = (group, count) => html`<${RouterLink} key=${group} to=${{ query: { ...route.query, group: group || undefined, open: undefined } }} aria-current=${filter.value.group === group ? "true" : null}>
      <span>${group || t("api.all")}</span><span class="count">${count}</span></${RouterLink}>`;
    const groups = () => html`<nav class="api-groups" aria-label=${t("api.groups")}>${groupLink("", data.value.operations.length)}
      ${grouped(data.value.operations).map(([group, operations]) => groupLink(group, operations.length))}</nav>`;
    const list = () => (shown.value.length ? shown.value.map(([group, operations]) => html`<section key=${group}><h2>${group}</h2>
      <div>${operations.map((one) => html`<${Operation} key=${one.id} operation=${one} open=${filter.value.open === one.id} onTurn=${(open) => turn(one.id, open)} />`)}</div></section>`)
      : html`<${Empty} title=${t("api.none")}><button type="button" class="button" onClick=${clear}>${t("filter.clear")}</button></${Empty}>`);
    const body = () => html`<div class="api">${groups()}<div class="api-list">
      <p lang="en">${spoken(data.value.info.description)}</p>
      <${Field} label=${t("api.search")}>${(own) => html`<input ...${own} type="search" name="search" spellcheck="false" value=${filter.value.search} onInput=${({ target }) => set({ search: target.value })} />`}</${Field}>
      ${list()}</div></div>`;
    return () => html`<${Page} title=${t("nav.api")}>${{
      actions: () => html`<a class="button" href=${DOCUMENT}>openapi.json</a>`,
      default: () => html`<${Failure} error=${error.value} retry=${run} />${busy.value && !data.value ? html`<p class="quiet" aria-busy="true">${t("table.loading")}</p>` : null}${data.value ? body() : null}`,
    }}</${Page}>`;
  },
};
