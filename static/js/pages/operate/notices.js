// Notices out: what waits, what arrived, what was given up and why; the ways that are set up, each of which can be tried.
import { computed, onMounted, ref, watch } from "vue";
import { t } from "../../core/i18n.js";
import { useAction, useEvery, useLoad } from "../../core/load.js";
import { useQuery } from "../../core/query.js";
import { call, isRoot } from "../../core/session.js";
import { html } from "../../html.js";
import { confirm, say } from "../../parts/confirm.js";
import { DataTable } from "../../parts/DataTable.js";
import { Failure } from "../../parts/Failure.js";
import { Segments } from "../../parts/Field.js";
import { Empty, Page } from "../../parts/Page.js";
import { Time } from "../../parts/Time.js";

const PATH = "/api/notices/";
const PAGE = 50;
const EVERY_MS = 3_000;
const STATES = ["", "waiting", "sent", "dead"];
const WAYS = ["mail", "message_pusher", "webhook", "url"];

/** Pages of notices, newest first; `fresh` reads as many anew as are shown. */
function useNotices(filter) {
  const rows = ref([]);
  const total = ref(0);
  const ways = ref([]);
  const { error, busy, run } = useLoad(async (signal, further) => {
    const page = further ? Math.floor(rows.value.length / PAGE) : 0;
    const answer = await call.get(PATH, { state: filter.value.state, p: page, page_size: PAGE }, { signal });
    const known = new Set(answer.data.map(({ id }) => id));
    rows.value = further ? [...rows.value.filter(({ id }) => !known.has(id)), ...answer.data] : answer.data;
    [total.value, ways.value] = [answer.total, answer.ways];
  });
  return { rows, total, ways, error, busy, run };
}

const when = (row) => (row.state === "waiting" ? row.next_time : row.ended_time);

const columns = (resend) => [
  { id: "created", label: t("column.created"), always: true, class: "two", cell: (row) => html`<${Time} at=${row.created_time} />` },
  { id: "state", label: t("column.status"), always: true, cell: (row) => html`<span class=${["word", { danger: row.state === "dead" }]}>${t(`notices.state.${row.state}`)}</span>` },
  { id: "way", label: t("notices.way"), always: true, cell: (row) => t(`notices.way.${row.way}`) },
  { id: "to", label: t("notices.to"), class: "clip", cell: (row) => row.to },
  { id: "title", label: t("notices.title"), class: "wide two", always: true, cell: (row) => row.title },
  { id: "attempts", label: t("notices.attempts"), number: true, cell: (row) => String(row.attempts) },
  { id: "error", label: t("notices.error"), class: "clip reason two", always: true, cell: (row) => row.error },
  { id: "when", label: t("notices.when"), class: "two", cell: (row) => html`<${Time} at=${when(row)} />` },
  { id: "go", label: "", always: true, cell: (row) => (row.state === "dead" ? html`<button type="button" class="button tiny" onClick=${() => resend(row)}>${t("notices.resend")}</button>` : null) },
];

export default {
  name: "Notices",
  setup() {
    const { filter, set } = useQuery({ state: "" });
    const { rows, total, ways, error, busy, run } = useNotices(filter);
    onMounted(() => run(false));
    watch(filter, () => run(false));
    // What is on its way is followed, while only the first page is open.
    const moving = computed(() => rows.value.some(({ state }) => state === "waiting") && rows.value.length <= PAGE);
    useEvery(EVERY_MS, async () => { if (moving.value && !busy.value) await run(false); });
    const resending = useAction(async (row) => {
      await call.post(`${PATH}${encodeURIComponent(row.id)}/resend`, {});
      say(t("notices.resent"));
      await run(false);
    });
    const testing = useAction(async (way) => {
      await call.post(`${PATH}test`, way ? { way } : {});
      say(t("notices.tested"));
      await set({ state: "" });
      await run(false);
    });
    const allDead = () => rows.value.filter(({ state }) => state === "dead");
    const resendAll = () => confirm({
      title: t("notices.all.title"), text: t("notices.all.text", { count: allDead().length }), go: t("notices.resend"), danger: false,
      act: async () => {
        const answers = await Promise.allSettled(allDead().map(({ id }) => call.post(`${PATH}${encodeURIComponent(id)}/resend`, {})));
        const failed = answers.filter(({ status }) => status === "rejected");
        await run(false);
        if (failed.length) throw failed[0].reason;
        say(t("notices.resent"));
      },
    });
    const wayRow = (way) => {
      const found = ways.value.find((one) => one.way === way);
      return html`<li key=${way} data-way=${way}><span><strong>${t(`notices.way.${way}`)}</strong> <span class="quiet">${found ? found.to || t("notices.setup") : t("notices.notset")}</span></span>
        ${!isRoot.value ? null : found ? html`<button type="button" class="button tiny" onClick=${() => testing.act(way)}>${t("notices.test")}</button>`
          : html`<a href=${way === "mail" ? "#/options?group=mail" : "#/options?group=notices"}>${t("notices.setitup")}</a>`}</li>`;
    };
    const segments = () => STATES.map((value) => ({ value, label: t(`notices.show.${value || "all"}`) }));
    const empty = () => html`<${Empty} title=${t(filter.value.state ? `notices.none.${filter.value.state}` : "notices.none")} text=${t("notices.none.text")} />`;
    return () => html`<${Page} title=${t("nav.notices")}>${{
      lead: () => t("notices.lead"),
      default: () => html`
        <section><h2>${t("notices.ways")}</h2><ul class="ways-list">${WAYS.map(wayRow)}</ul><${Failure} error=${testing.error.value} /></section>
        <section><h2>${t("notices.box")}</h2>
          <div class="bar"><${Segments} label=${t("column.status")} options=${segments()} modelValue=${filter.value.state} onUpdate:modelValue=${(state) => set({ state })} />
            <span class="quiet">${t("notices.count", { count: total.value })}</span>
            ${allDead().length > 1 ? html`<button type="button" class="button end" onClick=${resendAll}>${t("notices.all")}</button>` : null}</div>
          <${Failure} error=${resending.error.value} />
          <${DataTable} name="notices" caption=${t("nav.notices")} columns=${columns(resending.act)} rows=${rows.value} rowKey=${(row) => row.id} busy=${busy.value && !rows.value.length} error=${error.value} retry=${() => run(false)}
            more=${rows.value.length < total.value} onMore=${() => busy.value || run(true)}>${{ empty }}</${DataTable}></section>`,
    }}</${Page}>`;
  },
};
