// Redemption codes and the batches in which they were made.
import { computed, onBeforeUnmount, onMounted, ref, shallowRef, watch } from "vue";
import { useRoute, useRouter } from "vue-router";
import { number, t } from "../../core/i18n.js";
import { useLoad } from "../../core/load.js";
import { useQuery } from "../../core/query.js";
import { call } from "../../core/session.js";
import { html } from "../../html.js";
import { confirm, say } from "../../parts/confirm.js";
import { DataTable } from "../../parts/DataTable.js";
import { Field } from "../../parts/Field.js";
import { Icon } from "../../parts/Icon.js";
import { Empty, Page } from "../../parts/Page.js";
import { BatchDrawer } from "./codes/BatchDrawer.js";
import { batchColumns, codeColumns } from "./codes/columns.js";
import { MakeCodes } from "./codes/MakeCodes.js";
import { OFF, UNUSED } from "./codes/words.js";

const SIZE = 50;
const WAIT_MS = 300;
const VIEWS = ["codes", "batches"];

/** Pages of codes: all, those of a batch, or those that a search finds. */
function useCodes(filter) {
  const rows = shallowRef([]);
  const total = ref(0);
  let pages = 0;
  const { error, busy, run } = useLoad(async (signal, further) => {
    const { q, codes: batch } = filter.value;
    const p = further ? pages : 0;
    const answer = q ? await call.get("/api/redemption/search", { p, page_size: SIZE, keyword: q }, { signal }) : await call.get("/api/redemption/", { p, page_size: SIZE, batch }, { signal });
    if (signal.aborted) return;
    const known = new Set(further ? rows.value.map(({ id }) => id) : []);
    rows.value = further ? [...rows.value, ...answer.data.filter(({ id }) => !known.has(id))] : answer.data;
    pages = p + 1;
    total.value = answer.total;
  });
  return { rows, total, error, busy, run, more: computed(() => pages > 0 && pages * SIZE < total.value) };
}

/** Batches, newest first, from the events that issued them. */
function useBatches() {
  const rows = shallowRef([]);
  const next = ref(null);
  const { error, busy, run } = useLoad(async (signal, further) => {
    const params = { account: "codes", type: "redemption.issued", order: "desc", limit: SIZE, after: further ? next.value : "" };
    const answer = await call.get("/api/ledger/events", params, { signal });
    rows.value = further ? [...rows.value, ...answer.data] : answer.data;
    next.value = answer.next;
  });
  return { rows, error, busy, run, more: computed(() => Boolean(next.value)) };
}

const setStatus = (code, status) => call.put("/api/redemption/", { id: code.id, status });
const ACTS = {
  disable: (code) => setStatus(code, OFF),
  enable: (code) => setStatus(code, UNUSED),
  remove: (code) => confirm({ title: t("codes.remove.title", { name: code.name }), text: t("codes.remove.text"), go: t("delete"), act: () => call.remove(`/api/redemption/${code.id}`) }),
};

export default {
  name: "Codes",
  setup() {
    const route = useRoute();
    const router = useRouter();
    const { filter, set, clear, isNarrow } = useQuery({ view: "codes", q: "", codes: "" });
    const lists = { codes: useCodes(filter), batches: useBatches() };
    const making = ref(false);
    let timer = 0;
    const view = computed(() => (VIEWS.includes(filter.value.view) ? filter.value.view : VIEWS[0]));
    const read = () => lists[view.value].run(false);
    onMounted(read);
    onBeforeUnmount(() => clearTimeout(timer));
    watch(filter, (now, before) => { if (JSON.stringify(now) !== JSON.stringify(before)) read(); });
    const event = (id) => ({ path: "/codes", query: { ...route.query, event: id } });
    const batch = (id) => ({ path: "/codes", query: { ...route.query, batch: String(id) } });
    const close = () => router.replace({ query: { ...route.query, batch: undefined } });
    async function act(name, code) {
      try {
        if ((await ACTS[name](code)) === false) return;
        say(t(`codes.${name}.done`, { name: code.name }));
        read();
      } catch (error) {
        say(error.message);
      }
    }
    const type = (text) => { clearTimeout(timer); timer = setTimeout(() => set({ q: text.trim(), codes: "" }), WAIT_MS); };
    const tabs = () => html`<nav class="tabs" aria-label=${t("nav.codes")}>${VIEWS.map((one) => html`<button type="button" key=${one} aria-current=${one === view.value ? "page" : null} onClick=${() => set({ view: one })}>${t(`codes.view.${one}`)}</button>`)}</nav>`;
    const bar = () => html`<div class="bar" role="search">
      <${Field} label=${t("codes.find")}>${(given) => html`<input ...${given} name="q" type="search" placeholder=${t("codes.find.hint")} value=${filter.value.q} autocomplete="off" spellcheck="false" onInput=${({ target }) => type(target.value)} />`}</${Field}>
      ${filter.value.codes ? html`<span class="tag only">${t("codes.only", { batch: filter.value.codes })}<button type="button" class="button bare icon-only tiny" aria-label=${t("filter.clear")} onClick=${() => set({ codes: "" })}><${Icon} name="close" /></button></span>` : null}</div>`;
    const make = (kind = "button primary") => html`<button type="button" class=${kind} onClick=${() => { making.value = true; }}><${Icon} name="plus" />${t("codes.new")}</button>`;
    const none = () => (isNarrow.value && (filter.value.q || filter.value.codes)
      ? html`<${Empty} title=${t("codes.none.found")}><button type="button" class="button" onClick=${clear}>${t("filter.clear")}</button></${Empty}>`
      : html`<${Empty} title=${t("codes.none")} text=${t("codes.none.text")}>${make()}</${Empty}>`);
    const common = (list) => ({ rows: list.rows.value, busy: list.busy.value, error: list.error.value, retry: read, more: list.more.value, onMore: () => list.run(true) });
    const codes = () => html`${bar()}<${DataTable} name="codes" caption=${t("nav.codes")} columns=${codeColumns({ act, event, batch })} rowKey=${(code) => String(code.id)} ...${common(lists.codes)}>${{ empty: none }}</${DataTable}>
      ${lists.codes.rows.value.length ? html`<p class="small quiet">${t("codes.shown", { count: number(lists.codes.total.value) })}</p>` : null}`;
    const batches = () => html`<${DataTable} name="batches" caption=${t("codes.view.batches")} columns=${batchColumns()} rowKey=${(event) => event.id} opens onOpen=${(event) => router.push(batch(event.body.batch))} ...${common(lists.batches)}>${{ empty: none }}</${DataTable}>`;
    return () => html`<${Page} title=${t("nav.codes")}>${{
      actions: () => make(),
      default: () => html`${tabs()}${view.value === "codes" ? codes() : batches()}
        ${making.value ? html`<${MakeCodes} key="make" onClose=${() => { making.value = false; }} onMade=${read} />` : null}
        ${route.query.batch ? html`<${BatchDrawer} key="batch" id=${String(route.query.batch)} onClose=${close} onChanged=${read} />` : null}`,
    }}</${Page}>`;
  },
};
