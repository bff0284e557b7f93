// What the packaged list prices propose: taken into the draft, adopted as they are, or put away.
import { computed, onMounted, ref } from "vue";
import { number, t } from "../../core/i18n.js";
import { useAction, useLoad } from "../../core/load.js";
import { call, isRoot } from "../../core/session.js";
import { html } from "../../html.js";
import { confirm, say } from "../../parts/confirm.js";
import { DataTable } from "../../parts/DataTable.js";
import { Failure } from "../../parts/Failure.js";
import { Empty } from "../../parts/Page.js";
import { pricedIn } from "./price_classes.js";
import { putRow } from "./price_draft.js";
import { className } from "./price_parts.js";

const rowsOf = (found) => [
  ...found.changed.map(({ model, fields, after }) => ({ model, row: after, fields })),
  ...found.added.map((row) => ({ model: row.model, row, fields: null })),
];
const changed = ({ fields }) => fields.map(({ field, before, after }) => html`<span class="step" key=${field}>${className(field)} <del>${before === null ? t("none") : typeof before === "object" ? "…" : before}</del> <strong>${after === null ? t("none") : typeof after === "object" ? "…" : after}</strong></span>`);
const whole = ({ row }) => pricedIn(row).map((name) => `${className(name)} ${row[name]}`).join(t("comma"));

const columns = (offered) => [
  { id: "model", label: t("column.model"), class: "model two", always: true, cell: ({ model }) => html`${model}${offered.has(model) ? html` <span class="tag">${t("prices.show.offered")}</span>` : null}` },
  { id: "kind", label: t("prices.change"), always: true, cell: ({ fields }) => t(`prices.kind.${fields ? "changed" : "added"}`) },
  { id: "what", label: t("prices.rates"), class: "loose two", always: true, cell: (one) => (one.fields ? changed(one) : whole(one)) },
  { id: "source", label: t("prices.source"), class: "wide two", cell: ({ row }) => row.source },
];

const PAGE = 100;

export const PriceProposals = {
  name: "PriceProposals",
  props: { book: { type: Object, required: true } },
  emits: ["published"],
  setup(props, { emit }) {
    const chosen = ref(new Set());
    const shown = ref(PAGE);
    const { data, error, busy, run } = useLoad(async (signal) => (await call.get("/api/ledger/prices/proposals", {}, { signal })).data);
    onMounted(run);
    // What changes comes first, then what is offered: of hundreds of new list prices few concern one.
    const rows = computed(() => (data.value ? rowsOf(data.value) : []).sort((one, other) => Number(!one.fields) - Number(!other.fields)
      || Number(!props.book.offeredNames.has(one.model)) - Number(!props.book.offeredNames.has(other.model))));
    const body = () => ({ models: [...chosen.value], version: data.value.version });
    async function done(said) {
      chosen.value = new Set();
      say(said);
      await run();
    }
    function take() {
      const wanted = rows.value.filter(({ model }) => chosen.value.has(model));
      for (const { model, row } of wanted) putRow(props.book, model, row);
      chosen.value = new Set();
      say(t("prices.taken", { count: wanted.length }));
    }
    const adopt = () => confirm({
      title: t("prices.adopt"), text: t("prices.adopt.text", { count: chosen.value.size }), go: t("prices.adopt"), danger: false,
      act: async () => {
        const { data: version } = await call.post("/api/ledger/prices/proposals", body());
        emit("published");
        await done(t("prices.published", { number: version.version }));
      },
    });
    const dismissing = useAction(async () => {
      const { data: said } = await call.post("/api/ledger/prices/proposals/dismiss", body());
      await done(t("prices.dismissed", { count: said.dismissed }));
    });
    const button = (word, act) => html`<button type="button" class="button" disabled=${!chosen.value.size} onClick=${act}>${t(word)}</button>`;
    const left = (found) => ["kept", "withdrawn", "gone", "dismissed"].filter((name) => found[name].length).map((name) => html`<details key=${name}>
      <summary>${t(`prices.left.${name}`, { count: found[name].length })}</summary><p class="mono models">${found[name].join(t("comma"))}</p></details>`);
    return () => html`<p class="quiet">${t("prices.proposals.lead")}</p>
      ${isRoot.value && rows.value.length ? html`<div class="bar">${button("prices.todraft", take)}${button("prices.adopt", adopt)}${button("prices.dismiss", dismissing.act)}
        <span class="quiet">${t("prices.chosen", { count: chosen.value.size, all: number(rows.value.length) })}</span></div>` : null}
      <${Failure} error=${dismissing.error.value} />
      <${DataTable} caption=${t("prices.tab.proposals")} columns=${columns(props.book.offeredNames)} rows=${rows.value.slice(0, shown.value)} rowKey=${({ model }) => model} busy=${busy.value} error=${error.value} retry=${run}
        selected=${isRoot.value ? chosen.value : null} onUpdate:selected=${(value) => { chosen.value = value; }} more=${rows.value.length > shown.value} onMore=${() => { shown.value += PAGE; }}>${{
          empty: () => html`<${Empty} title=${t("prices.proposals.none")} text=${t("prices.proposals.none.text")} />`,
        }}</${DataTable}>
      ${data.value ? left(data.value) : null}`;
  },
};
