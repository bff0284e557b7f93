// The operator's first look: what came in, what it cost, what is left of it, and what needs attention.
import { onMounted, shallowRef, watch } from "vue";
import { RouterLink } from "vue-router";
import { number, percent, t } from "../../core/i18n.js";
import { useEvery, useLoad } from "../../core/load.js";
import { shortUsd } from "../../core/money.js";
import { useQuery } from "../../core/query.js";
import { call, isRoot } from "../../core/session.js";
import { duration } from "../../core/time.js";
import { html } from "../../html.js";
import { Chart } from "../../parts/Chart.js";
import { Failure } from "../../parts/Failure.js";
import { Money } from "../../parts/Money.js";
import { Empty, Figures, Page } from "../../parts/Page.js";
import { rangeDefaults, TimeRange } from "../../parts/TimeRange.js";
import { Attention } from "./dashboard/Attention.js";
import { report } from "./dashboard/report.js";
import { channelTable, share, topModels, topUsers } from "./dashboard/tables.js";
import { isDismissed, isSetUp, SetupOffer } from "./setup/steps.js";

const RANGES = ["today", "7d", "30d", "month"];
const EVERY_MS = 60_000;
const nanoText = (nano) => shortUsd(BigInt(Math.round(nano)));

/** "▲ 12 % than before": how a number changed; nothing to compare with is said too. */
function change(now, before) {
  if (before === null || before === undefined) return null;
  if (!Number(before)) return Number(now) ? t("dash.new") : t("dash.same");
  const by = (Number(now) - Number(before)) / Math.abs(Number(before));
  if (Math.abs(by) < 0.0005) return t("dash.same");
  return t(by > 0 ? "dash.more" : "dash.less", { by: percent(Math.abs(by)) });
}

const money = (name, { totals, earlier }) => ({ label: t(`dash.${name}`), value: html`<${Money} nano=${totals[name]} />`, note: change(totals[name], earlier?.[name]) });
const time = (name, some) => ({
  label: t(`dash.${name}.median`), value: duration(some?.p50), note: some ? t("dash.slowest", { p95: duration(some.p95), p99: duration(some.p99) }) : null, lesser: true,
});

function figures(data) {
  const { totals, earlier, users, times } = data;
  const rate = totals.revenue > 0n ? t("dash.rate", { share: percent(share(totals.margin, totals.revenue)) }) : null;
  const margin = money("margin", data);
  return [
    money("revenue", data), money("cost", data), { ...margin, note: [margin.note, rate].filter(Boolean).join(" · ") },
    { label: t("dash.requests"), value: number(totals.requests), note: change(totals.requests, earlier?.requests) },
    { label: t("dash.active"), value: number(users.length), lesser: true },
    time("latency", times?.latency_ms), time("first", times?.first_token_ms),
  ];
}

const chart = ({ chart: { labels, ...sums }, utc }) => html`<section><h2>${t(utc ? "dash.chart.utc" : "dash.chart")}</h2>
  <${Chart} title=${t("dash.chart")} labels=${labels} format=${nanoText} total=${t("dash.revenue")}
    series=${["cost", "margin"].map((name) => ({ id: name, name: t(`dash.${name}`), data: sums[name].map(Number) }))} /></section>`;

/** What needs attention, and for root how far the first steps are. What cannot be read is left out; the numbers say what is wrong. */
function useState() {
  const items = shallowRef(null);
  const steps = shallowRef(null);
  async function look() {
    items.value = await call.get("/api/attention").then(({ data }) => data).catch(() => items.value);
    if (isRoot.value && !isDismissed()) steps.value = await call.get("/api/setup").then(({ data }) => data).catch(() => null);
  }
  return { items, steps, look };
}

function body(data, log) {
  if (!data) return null;
  return html`
    <${Figures} items=${figures(data)} />
    ${data.totals.events ? chart(data) : html`<${Empty} title=${t("dash.empty")} text=${t("dash.empty.text")}><${RouterLink} class="button" to="/channels">${t("nav.channels")}</${RouterLink}></${Empty}>`}
    ${data.channels.length ? channelTable(data.channels, log, data.read) : null}
    ${data.users.length || data.models.length ? html`<div class="two-columns">${topUsers(data.users, log)}${topModels(data.models, log)}</div>` : null}`;
}

export default {
  name: "Dashboard",
  setup() {
    const { filter, set } = useQuery(rangeDefaults("7d"));
    const { data, error, busy, run } = useLoad((signal) => report(filter.value, signal));
    const { items, steps, look } = useState();
    onMounted(() => { run(); look(); });
    watch(filter, () => run());
    useEvery(EVERY_MS, () => Promise.all([run(), look()]));
    const log = (narrowed) => {
      const { range, from, to } = filter.value;
      return { path: "/log", query: { range, ...(range === "custom" ? { from, to } : {}), ...narrowed } };
    };
    return () => html`<${Page} title=${t("nav.dashboard")} aria-busy=${busy.value}>${{
      actions: () => html`<${TimeRange} filter=${filter.value} set=${set} ranges=${RANGES} />`,
      default: () => html`
        ${steps.value && !isSetUp(steps.value) && !isDismissed() ? html`<${SetupOffer} state=${steps.value} onDismiss=${() => { steps.value = null; }} />` : null}
        <${Attention} items=${items.value} />
        <${Failure} error=${error.value} retry=${() => run()} />
        <div class="stack wide-stack" aria-busy=${busy.value && !data.value ? "true" : "false"}>${body(data.value, log)}</div>`,
    }}</${Page}>`;
  },
};
