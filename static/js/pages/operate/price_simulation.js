// What the last weeks would have cost under the draft: recorded charges, priced again by the server. Nothing is written.
import { computed, onBeforeUnmount, ref, shallowRef } from "vue";
import { number, t } from "../../core/i18n.js";
import { useAction } from "../../core/load.js";
import { parseUsd } from "../../core/money.js";
import { useQuery } from "../../core/query.js";
import { call } from "../../core/session.js";
import { boundsOf } from "../../core/time.js";
import { html } from "../../html.js";
import { DataTable } from "../../parts/DataTable.js";
import { Failure, Notice } from "../../parts/Failure.js";
import { Money } from "../../parts/Money.js";
import { Figures } from "../../parts/Page.js";
import { rangeDefaults, TimeRange } from "../../parts/TimeRange.js";
import { edits, faults } from "./price_draft.js";
import { share } from "./price_parts.js";

const FIRST = 10;
/** So many rows the server tells at most; the totals are of all. */
const MOST = 1_000;
const allOf = (name, rows) => (rows.length < MOST ? t(`prices.sim.all${name}`, { count: rows.length }) : t("prices.sim.all"));
const iso = (seconds) => new Date(seconds * 1000).toISOString();
const NAMES = ["charged", "would_be", "difference"];

function columns(first) {
  const amounts = NAMES.map((name) => ({
    id: name, label: t(`prices.sim.${name}`), number: true, class: "amount", always: true, sort: (row) => parseUsd(row[name]),
    cell: (row) => html`<${Money} column amount=${row[name]} signed=${name === "difference"} />`,
  }));
  return [
    first, { id: "count", label: t("prices.sim.count"), number: true, always: true, sort: (row) => row.count, cell: (row) => number(row.count) },
    ...amounts, { id: "share", label: t("prices.share"), number: true, always: true, cell: (row) => share(row.charged, row.would_be) },
  ];
}

const user = () => ({ id: "user", label: t("column.user"), class: "wide", always: true, cell: (row) => row.username || row.account });
const model = () => ({ id: "model", label: t("column.model"), class: "wide", always: true, cell: (row) => row.model });

/** The largest differences first; the rest on demand, and the totals say of how many. */
const Top = {
  name: "Top",
  props: { rows: { type: Array, required: true }, totals: { type: Object, required: true }, title: { type: String, required: true }, all: { type: String, required: true }, first: { type: Object, required: true }, rowKey: { type: Function, required: true } },
  setup(props) {
    const open = ref(false);
    return () => {
      const values = Object.fromEntries([["count", number(props.totals.count)], ...NAMES.map((name) => [name, html`<${Money} column amount=${props.totals[name]} signed=${name === "difference"} />`]), ["share", share(props.totals.charged, props.totals.would_be)]]);
      return html`<section><h3>${props.title}</h3>
        <${DataTable} caption=${props.title} columns=${columns(props.first)} rows=${open.value ? props.rows : props.rows.slice(0, FIRST)} rowKey=${props.rowKey} totals=${[{ label: props.all, values }]} />
        ${!open.value && props.rows.length > FIRST ? html`<div><button type="button" class="button tiny" onClick=${() => { open.value = true; }}>${t("prices.sim.more", { count: props.rows.length - FIRST })}</button></div>` : null}</section>`;
    };
  },
};

function figures({ totals }) {
  return [
    { label: t("prices.sim.charged"), value: html`<${Money} amount=${totals.charged} />`, note: t("prices.sim.requests", { count: totals.count }) },
    { label: t("prices.sim.would_be"), value: html`<${Money} amount=${totals.would_be} />`, note: t("prices.sim.changed", { count: totals.changed }) },
    { label: t("prices.sim.difference"), value: html`<${Money} amount=${totals.difference} signed />`, note: share(totals.charged, totals.would_be) },
  ];
}

const result = (found) => html`<div class="stack" data-result>
  <${Figures} items=${figures(found)} />
  ${found.not_priced.length ? html`<${Notice} kind="warning">${t("prices.sim.unpriced", { count: found.not_priced.reduce((sum, one) => sum + one.count, 0), models: found.not_priced.map((one) => one.model).join(t("comma")) })}</${Notice}>` : null}
  ${found.totals.shortfall_nano ? html`<p class="quiet small">${t("prices.sim.shortfall")} <${Money} amount=${found.totals.shortfall} /></p>` : null}
  ${found.totals.count ? html`
    <${Top} title=${t("prices.sim.users")} all=${allOf("users", found.users)} rows=${found.users} totals=${found.totals} first=${user()} rowKey=${(row) => row.account} />
    <${Top} title=${t("prices.sim.models")} all=${allOf("models", found.models)} rows=${found.models} totals=${found.totals} first=${model()} rowKey=${(row) => row.model} />` : html`<p class="quiet">${t("prices.sim.nothing")}</p>`}
</div>`;

export const PriceSimulation = {
  name: "PriceSimulation",
  setup() {
    const { filter, set } = useQuery(rangeDefaults("30d"));
    const found = shallowRef(null);
    const read = ref(0);
    const tried = ref("");
    let stop = null;
    onBeforeUnmount(() => stop?.abort());
    const asked = () => JSON.stringify([edits(), boundsOf(filter.value).from, boundsOf(filter.value).to]);
    const stale = computed(() => found.value && tried.value !== asked());
    const { busy, error, act } = useAction(async () => {
      const { from, to } = boundsOf(filter.value);
      const body = { ...edits(), stream: true, ...(from ? { from: iso(from) } : {}), ...(to ? { to: iso(to) } : {}) };
      stop = new AbortController();
      [read.value, found.value, tried.value] = [0, null, asked()];
      await call.postLines("/api/ledger/reprice", body, (line) => { read.value = line.read; found.value = line.result ?? null; }, { signal: stop.signal });
    });
    return () => html`<section aria-busy=${busy.value}>
      <h2>${t("prices.simulate")}</h2><p class="quiet">${t("prices.sim.lead")}</p>
      <div class="bar"><${TimeRange} filter=${filter.value} set=${set} />
        ${busy.value ? html`<button type="button" class="button" onClick=${() => stop?.abort()}>${t("prices.sim.stop")}</button>`
          : html`<button type="button" class="button" disabled=${faults.value.length > 0} onClick=${act}>${t("prices.simulate.go")}</button>`}
        ${busy.value ? html`<span class="quiet" role="status">${t("prices.sim.reading", { count: read.value })}</span>` : null}</div>
      <${Failure} error=${error.value} retry=${act} />
      ${stale.value ? html`<${Notice} kind="warning">${t("prices.sim.stale")}</${Notice}>` : null}
      ${found.value ? result(found.value) : null}</section>`;
  },
};
