// The first page of who uses the gateway: what is left, what was spent on what, the last charges, or how to begin.
import { computed, onMounted, watch } from "vue";
import { t } from "../../core/i18n.js";
import { useLoad } from "../../core/load.js";
import { useQuery } from "../../core/query.js";
import { call, loadBalance } from "../../core/session.js";
import { RANGES } from "../../core/time.js";
import { html } from "../../html.js";
import { Failure } from "../../parts/Failure.js";
import { Icon } from "../../parts/Icon.js";
import { Page } from "../../parts/Page.js";
import { rangeDefaults, TimeRange } from "../../parts/TimeRange.js";
import { Charts } from "./overview/Charts.js";
import { OverviewFigures } from "./overview/figures.js";
import { Latest } from "./overview/Latest.js";
import { readPace } from "./overview/pace.js";
import { bounds, readReport } from "./overview/report.js";
import { Start } from "./overview/Start.js";

const LATEST = 10;
const CHARGE = 2;
/** All of time is no period that can be compared with the one before. */
const SPANS = RANGES.filter((range) => range !== "all");

export default {
  name: "Overview",
  setup() {
    const { filter, set } = useQuery(rangeDefaults("7d"));
    const choice = computed(() => (filter.value.range === "all" ? { range: "30d" } : filter.value));
    const asked = computed(() => JSON.stringify([choice.value.range, choice.value.from, choice.value.to]));
    const report = useLoad((signal) => readReport(choice.value, signal));
    const standing = useLoad(async (signal) => (await Promise.all([readPace(signal), loadBalance()]))[0]);
    const latest = useLoad(async (signal) => (await call.get("/api/log/self", { p: 0, page_size: LATEST, type: CHARGE }, { signal })).data);
    const isOpen = computed(() => bounds(choice.value) === null);
    const readPeriod = () => !isOpen.value && report.run();
    const readAll = () => Promise.all([readPeriod(), standing.run(), latest.run()]);
    onMounted(readAll);
    watch(asked, readPeriod);
    const isNew = () => latest.data.value?.length === 0;
    const hasUse = () => report.data.value && report.data.value.now.requests > 0;
    const charts = () => html`
      ${isOpen.value ? html`<p class="quiet" role="status">${t("overview.chooseDays")}</p>` : null}
      ${hasUse() ? html`<${Charts} report=${report.data.value} />` : report.data.value && !report.busy.value ? html`<p class="quiet none">${t("overview.unused")}</p>` : null}`;
    return () => html`<${Page} title=${t("nav.overview")}>${{
      actions: () => html`${isNew() ? null : html`<${TimeRange} filter=${{ ...filter.value, ...choice.value }} set=${set} ranges=${SPANS} />`}
        <button type="button" class="button bare icon-only" id="refresh" title=${t("refresh")} aria-label=${t("refresh")} onClick=${readAll}><${Icon} name="refresh" /></button>`,
      default: () => html`<div class="overview" aria-busy=${report.busy.value || standing.busy.value || latest.busy.value}>
        <${OverviewFigures} report=${report.data.value} pace=${standing.data.value} unused=${isNew()} />
        <${Failure} error=${standing.error.value} retry=${() => standing.run()} />
        <${Failure} error=${report.error.value} retry=${readPeriod} />
        ${isNew() ? html`<${Start} />` : html`${charts()}
          <${Latest} rows=${latest.data.value ?? []} busy=${latest.busy.value} error=${latest.error.value} retry=${() => latest.run()} />`}
      </div>`,
    }}</${Page}>`;
  },
};
