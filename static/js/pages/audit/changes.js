// The audit trail: who did what, when, from where, to which object, with what was before and after.
import { onMounted, ref, watch } from "vue";
import { useRoute, useRouter } from "vue-router";
import { t, word } from "../../core/i18n.js";
import { useLoad } from "../../core/load.js";
import { rangeDefaults, TimeRange } from "../../parts/TimeRange.js";
import { useQuery } from "../../core/query.js";
import { call } from "../../core/session.js";
import { boundsOf } from "../../core/time.js";
import { html } from "../../html.js";
import { DataTable } from "../../parts/DataTable.js";
import { Empty, Page } from "../../parts/Page.js";
import { Time } from "../../parts/Time.js";

const TYPE = "audit.recorded";
const PAGE = 50;
const iso = (seconds) => (seconds ? new Date(seconds * 1000).toISOString() : "");

/** Pages of events, newest first; the next one is asked for by the cursor of the last. */
function useEvents(filter) {
  const rows = ref([]);
  const next = ref(null);
  const { error, busy, run } = useLoad(async (signal, further) => {
    const { from, to } = boundsOf(filter.value);
    const params = { type: TYPE, limit: PAGE, order: "desc", from: iso(from), to: iso(to), after: further ? next.value : "" };
    const answer = await call.get("/api/ledger/events", params, { signal });
    rows.value = further ? [...rows.value, ...answer.data] : answer.data;
    next.value = answer.next;
  });
  return { rows, next, error, busy, run };
}

const columns = () => [
  { id: "at", label: t("column.time"), class: "two", always: true, cell: (row) => html`<${Time} at=${row.at} />` },
  { id: "actor", label: t("column.actor"), cell: (row) => row.actor },
  { id: "action", label: t("column.action"), cell: (row) => word("action", row.body.action) },
  { id: "object", label: t("column.object"), class: "wide two", cell: (row) => row.body.object ?? row.body.subject },
];

export default {
  name: "Changes",
  setup() {
    const route = useRoute();
    const router = useRouter();
    const { filter, set, clear, isNarrow } = useQuery(rangeDefaults("30d"));
    const { rows, next, error, busy, run } = useEvents(filter);
    onMounted(() => run(false));
    watch(filter, () => run(false));
    const open = (row) => router.push({ query: { ...route.query, event: row.event_id ?? row.id } });
    return () => html`<${Page} title=${t("nav.changes")}>${{
      lead: () => t("changes.lead"),
      default: () => html`
        <div class="bar" role="search"><${TimeRange} filter=${filter.value} set=${set} /></div>
        <${DataTable} name="changes" caption=${t("nav.changes")} columns=${columns()} rows=${rows.value} rowKey=${(row) => row.event_id ?? row.id}
          busy=${busy.value} error=${error.value} retry=${() => run(false)} more=${Boolean(next.value)} onMore=${() => run(true)}
          opens opened=${route.query.event ?? null} onOpen=${open}>${{
            empty: () => html`<${Empty} title=${t("changes.none")}>${isNarrow.value ? html`<button type="button" class="button" onClick=${clear}>${t("filter.clear")}</button>` : null}</${Empty}>`,
          }}</${DataTable}>`,
    }}</${Page}>`;
  },
};
