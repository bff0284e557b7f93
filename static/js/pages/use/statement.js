// The statement of an account: what it had, what moved it, what it has; and how to prove it.
import { computed, onMounted, ref, watch } from "vue";
import { RouterLink, useRoute, useRouter } from "vue-router";
import { ApiError } from "../../core/api.js";
import { t } from "../../core/i18n.js";
import { useLoad } from "../../core/load.js";
import { changes, useNeighbours } from "../../core/opened.js";
import { bounds, DEFAULT_PERIOD } from "../../core/periods.js";
import { useQuery } from "../../core/query.js";
import { account as mine, call, isAdmin, ledger, loadKeys, session } from "../../core/session.js";
import { html } from "../../html.js";
import { Dialog } from "../../parts/Dialog.js";
import { Failure, Notice } from "../../parts/Failure.js";
import { Empty, Page } from "../../parts/Page.js";
import { Receipt } from "../audit/parts/Receipt.js";
import { Seals } from "../audit/parts/Seals.js";
import { BalanceAt } from "./parts/BalanceAt.js";
import { controls, downloads } from "./parts/statement_controls.js";
import { Heads, Rows, sumOf, Verdict } from "./parts/statement_rows.js";

const DEFAULTS = { account: "", period: DEFAULT_PERIOD, from: "", to: "", group: "day" };
/** More movements than this are for a file, not for a page. */
const MOST = 5_000;

/** Movements are only asked for when they are not too many to look at. */
async function readStatement(signal, { params, group, from, to }) {
  if (from && to && from > to) throw new ApiError("refused", t("statement.order"));
  const ask = (extra) => call.get(`${ledger()}/statement`, { ...params, ...extra }, { signal });
  if (!session.keys) await loadKeys();
  if (group !== "none") return (await ask({ group })).data;
  const { data } = await ask({ group: "type" });
  const count = data.totals.reduce((sum, total) => sum + total.count, 0);
  return count > MOST ? { ...data, rows: null, count } : (await ask({})).data;
}

function proof(signedFor) {
  return html`<section class="tall"><h2>${t("statement.proof")}</h2>
    <p class="quiet prose">${t("offline.whyUser")}</p>
    <${Receipt} key=${signedFor} />
  </section><${Seals} />`;
}

export default {
  name: "Statement",
  setup() {
    const route = useRoute();
    const router = useRouter();
    const { filter, set } = useQuery(DEFAULTS);
    const account = computed(() => filter.value.account || mine());
    const params = computed(() => ({ account: account.value, ...bounds(filter.value) }));
    const { data, error, busy, run } = useLoad((signal) => readStatement(signal, { params: params.value, ...filter.value }));
    const receiptOf = ref("");
    onMounted(run);
    watch([filter, changes], () => run());
    useNeighbours(() => (data.value?.rows ?? []).map((row) => row.event).filter(Boolean));
    const open = (row) => (row.event ? router.push({ query: { ...route.query, event: row.event } }) : null);
    const shown = computed(() => (error.value ? null : data.value));
    const body = (found) => {
      if (found.rows === null) return html`<${Notice}>${t("statement.tooMany", { count: found.count })}</${Notice}>`;
      return html`<${Rows} data=${found} group=${found.group ?? "none"} busy=${busy.value} opened=${route.query.event ?? null} onOpen=${open} onReceipt=${(id) => { receiptOf.value = id; }} />
        ${found.rows.length ? null : html`<${Empty} title=${t("statement.none")} text=${t("statement.none.hint")}>
          ${filter.value.period === "all" ? null : html`<button type="button" class="button" onClick=${() => set({ period: "all", from: "", to: "" })}>${t("statement.everything")}</button>`}
          <${RouterLink} class="button" to="/topup">${t("nav.topup")}</${RouterLink}></${Empty}>`}
        <${Verdict} data=${found} sum=${sumOf(found)} />
        <p class="small quiet prose">${t("statement.utc")}</p>`;
    };
    return () => html`<${Page} title=${t("nav.statement")}>${{
      actions: () => downloads(params.value, filter.value.group),
      default: () => html`
        ${controls({ filter: filter.value, set, account: account.value, isAdmin: isAdmin.value })}
        ${shown.value ? html`<${Heads} data=${shown.value} to=${params.value.to} />` : null}
        ${shown.value ? body(shown.value) : html`<p class="quiet" aria-busy=${busy.value ? "true" : null}>${busy.value ? t("statement.reading") : null}</p>`}
        <${Failure} error=${error.value} retry=${error.value?.status || error.value?.kind === "network" ? run : null} />
        <${BalanceAt} key=${account.value} account=${account.value} />
        ${proof(account.value)}
        ${receiptOf.value ? html`<${Dialog} title=${t("receipt")} wide onClose=${() => { receiptOf.value = ""; }}><p class="mono small">${receiptOf.value}</p><${Receipt} event=${receiptOf.value} /></${Dialog}>` : null}`,
    }}</${Page}>`;
  },
};
