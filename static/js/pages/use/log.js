// The log: every charge and credit; one's own, or everybody's for admins.
import { computed, onMounted, ref, watch } from "vue";
import { useRoute, useRouter } from "vue-router";
import { link } from "../../core/api.js";
import { t } from "../../core/i18n.js";
import { useEvery } from "../../core/load.js";
import { changes, useNeighbours } from "../../core/opened.js";
import { useQuery } from "../../core/query.js";
import { loadBalance } from "../../core/session.js";
import { boundsOf } from "../../core/time.js";
import { html } from "../../html.js";
import { DataTable } from "../../parts/DataTable.js";
import { Icon } from "../../parts/Icon.js";
import { Menu } from "../../parts/Menu.js";
import { Page } from "../../parts/Page.js";
import { rangeDefaults } from "../../parts/TimeRange.js";
import { columns, totals } from "./log/columns.js";
import { idOf, logPath, useFeed } from "./log/feed.js";
import { Filters } from "./log/Filters.js";
import { LogEmpty } from "./log/LogEmpty.js";

const TAIL_MS = 3000;
/** Scrolled further down than this, one reads older rows: nothing is put above them. */
const TOP_PX = 120;
const FORMATS = ["csv", "xlsx", "jsonl"];
const DEFAULTS = { ...rangeDefaults("7d"), model: "", type: "0", key: "", user: "", channel: "", group: "", outcome: "" };

/** The filter as the API takes it. The last second of a period is part of it there. */
function paramsOf(filter) {
  const { from, to } = boundsOf(filter);
  return {
    start_timestamp: from, end_timestamp: to ? to - 1 : 0, type: Number(filter.type) || 0, model_name: filter.model, token_name: filter.key,
    username: filter.user, channel: Number(filter.channel) || 0, group: filter.group, outcome: filter.outcome,
  };
}

const exportMenu = (params) => html`<${Menu} label=${t("log.export")} icon="download" words end>${(close) => html`<div class="list">
  ${FORMATS.map((format) => html`<a key=${format} download href=${link(logPath("export"), { ...params, format })} onClick=${close}>${t(`log.export.${format}`)}</a>`)}</div>`}</${Menu}>`;

/** Follows what happens while one looks at the top of the list. */
function useTail(feed, isQuiet) {
  const live = ref(false);
  useEvery(TAIL_MS, async () => {
    if (!live.value || window.scrollY > TOP_PX || isQuiet()) return;
    await feed.tail();
    if (feed.error.value) live.value = false;
    else await loadBalance().catch(() => null);
  });
  return live;
}

export default {
  name: "Log",
  setup() {
    const route = useRoute();
    const router = useRouter();
    const { filter, set, clear, isNarrow } = useQuery(DEFAULTS);
    const params = computed(() => paramsOf(filter.value));
    const feed = useFeed(() => params.value);
    const asked = computed(() => JSON.stringify(params.value));
    const live = useTail(feed, () => Boolean(route.query.event));
    const reload = () => { feed.load(); loadBalance().catch(() => null); };
    onMounted(feed.load);
    watch(asked, feed.load);
    watch(changes, reload);
    useNeighbours(() => feed.rows.value.map((row) => row.event_id).filter(Boolean));

    const place = (row) => ({ query: { ...route.query, event: row.event_id } });
    const open = (row) => row.event_id && router.push(place(row));
    const widen = () => set({ ...DEFAULTS, range: "all" });
    const actions = () => html`
      <button type="button" class="button bare" id="live" aria-pressed=${live.value ? "true" : "false"} onClick=${() => { live.value = !live.value; }}>
        <${Icon} name=${live.value ? "stop" : "play"} />${t(live.value ? "log.live.on" : "log.live.off")}</button>
      <button type="button" class="button bare icon-only" id="refresh" title=${t("refresh")} aria-label=${t("refresh")} onClick=${reload}><${Icon} name="refresh" /></button>
      ${exportMenu(params.value)}`;
    const table = () => html`<${DataTable} name="log" caption=${t("nav.log")} columns=${columns(place)} rows=${feed.rows.value} rowKey=${idOf} totals=${totals(feed)}
      busy=${feed.busy.value} error=${feed.error.value} retry=${feed.again} more=${feed.hasMore.value} onMore=${feed.more}
      opens opened=${route.query.event ?? null} onOpen=${open} rowClass=${(row) => (feed.fresh.value.has(idOf(row)) ? "fresh" : "")}>${{
        empty: () => html`<${LogEmpty} key=${asked.value} narrow=${isNarrow.value} onWiden=${widen} />`,
      }}</${DataTable}>`;
    const uncharged = () => feed.stat.value?.count === 0 && feed.rows.value.length > 0 && feed.complete.value && !isNarrow.value;
    return () => html`<${Page} title=${t("nav.log")}>${{
      actions,
      default: () => html`
        <${Filters} filter=${filter.value} set=${set}>${() => (isNarrow.value ? html`<button type="button" class="button bare" id="clear" onClick=${clear}>${t("filter.clear")}</button>` : null)}</${Filters}>
        ${table()}
        ${uncharged() ? html`<${LogEmpty} rows />` : null}`,
    }}</${Page}>`;
  },
};
