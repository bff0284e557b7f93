// Giving charges back: what waits for a second person, what was decided lately, and proposing more.
import { computed, onMounted, ref, watch } from "vue";
import { useRoute, useRouter } from "vue-router";
import { t } from "../../core/i18n.js";
import { useEvery, useLoad } from "../../core/load.js";
import { changes, useNeighbours } from "../../core/opened.js";
import { account, call } from "../../core/session.js";
import { html } from "../../html.js";
import { DataTable } from "../../parts/DataTable.js";
import { Icon } from "../../parts/Icon.js";
import { Page } from "../../parts/Page.js";
import { Decide } from "./parts/Decide.js";
import { ReverseDialog } from "./parts/ReverseDialog.js";
import { columns, progress, state } from "./parts/reversal_columns.js";

const PROPOSED = "proposed";
const MOST_PENDING = 100;
const LATELY = 20;
const LOOK_MS = 3_000;

const read = (params, signal) => call.get("/api/ledger/reversals", params, { signal });

function buttons(one, decide) {
  const own = one.proposer.account === account();
  const button = (name, kind = "") => html`<button type="button" class=${["button tiny", kind]} data-act=${name} onClick=${() => decide(one, name)}>${t(`reversal.${name}`)}</button>`;
  return html`<span class="row end">${own ? html`<span class="quiet small">${t("reversal.own")}</span>` : button("approve")}${button(own ? "withdraw" : "reject")}</span>`;
}

export default {
  name: "Reversals",
  setup() {
    const route = useRoute();
    const router = useRouter();
    const deciding = ref(null);
    const { data, error, busy, run } = useLoad(async (signal) => {
      const [pending, all] = await Promise.all([read({ state: PROPOSED, page_size: MOST_PENDING }, signal), read({ page_size: LATELY }, signal)]);
      return { waiting: pending.data, lately: all.data.filter((one) => one.state !== PROPOSED) };
    });
    onMounted(run);
    watch(changes, () => run());
    useNeighbours(() => [...(data.value?.waiting ?? []), ...(data.value?.lately ?? [])].map((one) => one.event).filter(Boolean));
    const goingOn = computed(() => data.value?.lately.some((one) => one.state === "approved"));
    useEvery(LOOK_MS, () => (goingOn.value ? run() : null));
    const open = (change) => router.replace({ query: { ...route.query, ...change } });
    const propose = () => open({ new: "1" });
    const close = () => { deciding.value = null; if (route.query.new) open({ new: undefined, charge: undefined }); };
    const decide = (one, act) => { deciding.value = { one, act }; };
    const to = (id) => ({ query: { ...route.query, event: id } });
    const waiting = () => html`<section><h2>${t("reversal.waiting")}</h2><p class="quiet prose">${t("reversal.why")}</p>
      <${DataTable} caption=${t("reversal.waiting")} columns=${[...columns(to), { id: "decide", label: t("reversal.decide"), class: "end three", cell: (one) => buttons(one, decide) }]}
        rows=${data.value?.waiting ?? []} rowKey=${(one) => one.id} busy=${busy.value && !data.value} error=${error.value} retry=${run}>${{ empty: () => html`<p class="quiet">${t("reversal.none")}</p>` }}</${DataTable}></section>`;
    const lately = () => html`<section class="tall"><h2>${t("reversal.lately")}</h2>
      <${DataTable} caption=${t("reversal.lately")} columns=${[...columns(to), { id: "did", label: t("reversal.did"), class: "two", cell: progress }, { id: "state", label: t("reversal.stands"), class: "two loose", cell: state }]}
        rows=${data.value.lately} rowKey=${(one) => one.id}>${{
          empty: () => html`<p class="quiet">${t("reversal.noneLately")} ${t("reversal.noneLately.hint")}</p>`,
        }}</${DataTable}></section>`;
    return () => html`<${Page} title=${t("nav.reversals")}>${{
      lead: () => t("reversal.lead"),
      actions: () => html`<button type="button" class="button primary" id="reverse" onClick=${propose}><${Icon} name="back" />${t("giveback.open")}</button>`,
      default: () => html`
        ${waiting()}
        ${data.value ? lately() : null}
        ${deciding.value ? html`<${Decide} key=${deciding.value.one.id} ...${deciding.value} onClose=${close} onDone=${run} />` : null}
        ${route.query.new ? html`<${ReverseDialog} charge=${String(route.query.charge ?? "")} onClose=${close} onDone=${run} />` : null}`,
    }}</${Page}>`;
  },
};
