// The ledger: every event there is, newest first, with what it did to an account when one is chosen.
import { computed, onMounted, watch } from "vue";
import { useRoute, useRouter } from "vue-router";
import { link as address } from "../../core/api.js";
import { number, t, word } from "../../core/i18n.js";
import { changes, useNeighbours } from "../../core/opened.js";
import { useQuery } from "../../core/query.js";
import { html } from "../../html.js";
import { DataTable } from "../../parts/DataTable.js";
import { Menu } from "../../parts/Menu.js";
import { Empty, Page } from "../../parts/Page.js";
import { rangeDefaults, TimeRange } from "../../parts/TimeRange.js";
import { AccountField } from "./parts/AccountField.js";
import { period, useEvents } from "./parts/events.js";
import { StateLine } from "./parts/StateLine.js";
import { columns, TYPES } from "./parts/event_columns.js";
import { useBalances } from "./parts/running.js";
import { useSealed } from "./parts/sealed.js";

const FORMATS = ["csv", "jsonl", "xlsx"];
const DEFAULTS = { ...rangeDefaults("7d"), account: "", type: "", request: "", actor: "" };

function exports(wanted) {
  return html`<${Menu} label=${t("ledger.export")} icon="download" words end>${() => html`<div class="list">${FORMATS.map((format) => html`<a key=${format} id="export-${format}" download=""
    href=${address("/api/ledger/export", { ...wanted(), format })}>${format.toUpperCase()}</a>`)}</div>`}</${Menu}>`;
}

function filters(filter, set) {
  const text = (name, label, placeholder) => html`<label class="field short"><span class="name">${label}</span>
    <input class="mono" name=${name} value=${filter[name]} placeholder=${placeholder} autocomplete="off" spellcheck="false" onChange=${({ target }) => set({ [name]: target.value.trim() })} /></label>`;
  return html`<div class="bar" role="search">
    <${TimeRange} filter=${filter} set=${set} />
    <${AccountField} modelValue=${filter.account} onUpdate:modelValue=${(account) => set({ account })} />
    <label class="field short"><span class="name">${t("column.type")}</span><select name="type" value=${filter.type} onChange=${({ target }) => set({ type: target.value })}>
      <option value="">${t("ledger.types")}</option>${TYPES.map((type) => html`<option key=${type} value=${type} selected=${type === filter.type}>${word("event", type)}</option>`)}</select></label>
    ${text("request", t("ledger.request"), t("ledger.request.hint"))}
    ${text("actor", t("column.actor"), "user:1")}
  </div>`;
}

export default {
  name: "Ledger",
  setup() {
    const route = useRoute();
    const router = useRouter();
    const { filter, set, clear, isNarrow } = useQuery(DEFAULTS);
    const wanted = () => ({ ...period(filter.value), account: filter.value.account, type: filter.value.type, request: filter.value.request, actor: filter.value.actor });
    const running = useBalances(filter);
    const { sealedBy, look } = useSealed();
    const { rows, next, total, error, busy, run } = useEvents(wanted, running.add);
    const begin = () => { look(); return run(false); };
    onMounted(begin);
    watch([() => JSON.stringify(wanted()), changes], begin);
    useNeighbours(() => rows.value.map((row) => row.id));
    const to = (id) => ({ query: { ...route.query, event: id } });
    const shape = computed(() => columns({ to, sealedBy, balances: running.applies.value }));
    return () => html`<${Page} title=${t("nav.ledger")}>${{
      actions: () => exports(wanted),
      default: () => html`
        <${StateLine} />
        ${filters(filter.value, set)}
        ${total.value === null ? null : html`<p class="small quiet" role="status">${t("ledger.total", { count: total.value, shown: number(rows.value.length) })}</p>`}
        <${DataTable} name="ledger" caption=${t("nav.ledger")} columns=${shape.value} rows=${rows.value} rowKey=${(row) => row.id}
          rowClass=${(row) => (row.type === "ledger.sealed" ? "seal" : "")}
          busy=${busy.value} error=${error.value} retry=${begin} more=${Boolean(next.value)} onMore=${() => run(true)}
          opens opened=${route.query.event ?? null} onOpen=${(row) => router.push(to(row.id))}>${{
            empty: () => html`<${Empty} title=${t("ledger.none")} text=${isNarrow.value ? t("ledger.none.filter") : t("ledger.none.yet")}>
              ${isNarrow.value ? html`<button type="button" class="button" onClick=${clear}>${t("filter.clear")}</button>` : null}
              ${filter.value.range !== "all" ? html`<button type="button" class="button" onClick=${() => set({ range: "all", from: "", to: "" })}>${t("ledger.allTime")}</button>` : null}</${Empty}>`,
          }}</${DataTable}>`,
    }}</${Page}>`;
  },
};
