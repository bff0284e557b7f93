// What a reconciliation found: each class with its count and sums, and the rows that do not match.
import { computed, ref } from "vue";
import { RouterLink, useRoute } from "vue-router";
import { number, t, word } from "../../../core/i18n.js";
import { html } from "../../../html.js";
import { DataTable } from "../../../parts/DataTable.js";
import { Check, Segments } from "../../../parts/Field.js";
import { Icon } from "../../../parts/Icon.js";
import { Menu } from "../../../parts/Menu.js";
import { Money } from "../../../parts/Money.js";
import { Time } from "../../../parts/Time.js";

const CLASSES = ["matched", "differing", "missing_here", "missing_there", "outside", "malformed"];
const FORMATS = ["csv", "jsonl", "xlsx"];
const money = (name) => (row) => (row[name] === undefined || row[name] === null ? null : html`<${Money} amount=${String(row[name])} column full />`);

const sums = () => [
  { id: "class", label: t("reconcile.kind"), class: "two loose", cell: (row) => html`<span>${word("reconcile.class", row.name)}</span><span class="small quiet block">${t(`reconcile.means.${row.name}`)}</span>` },
  { id: "count", label: t("reconcile.rows"), number: true, cell: (row) => number(row.count) },
  { id: "there", label: t("reconcile.costThere"), number: true, class: "amount", cell: money("cost_there") },
  { id: "here", label: t("reconcile.costHere"), number: true, class: "amount", cell: money("cost_here") },
  { id: "charged", label: t("reconcile.charged"), number: true, class: "amount", cell: money("charged") },
];

/** Both sides of a field, once where they agree. */
function both(row, name, show = (value) => value) {
  const [there, here] = [row[`${name}_there`] ?? null, row[`${name}_here`] ?? null];
  if (there === null && here === null) return null;
  if (there === null || here === null || there === here) return show(there ?? here);
  return html`<span>${show(there)}</span><span class="quiet"> / ${show(here)}</span>`;
}

const rowColumns = (route) => [
  { id: "class", label: t("reconcile.kind"), cell: (row) => word("reconcile.class", row.class) },
  { id: "line", label: t("reconcile.line"), number: true, cell: (row) => (row.line ? number(row.line) : null) },
  { id: "time", label: t("column.time"), class: "two", cell: (row) => (row.time_here ?? row.time_there ? html`<${Time} at=${row.time_here ?? row.time_there} />` : null) },
  { id: "model", label: t("column.model"), class: "clip", cell: (row) => both(row, "model") },
  { id: "input", label: t("column.input"), number: true, cell: (row) => both(row, "input", number) },
  { id: "output", label: t("column.output"), number: true, cell: (row) => both(row, "output", number) },
  { id: "there", label: t("reconcile.costThere"), number: true, class: "amount", cell: money("cost_there") },
  { id: "here", label: t("reconcile.costHere"), number: true, class: "amount", cell: money("cost_here") },
  { id: "differences", label: t("reconcile.differences"), class: "wide two loose", cell: (row) => row.differences },
  { id: "event", label: t("reconcile.event"), class: "clip", cell: (row) => (row.event ? html`<${RouterLink} class="mono" to=${{ query: { ...route.query, event: row.event } }}>${row.event}</${RouterLink}>` : row.request_id_there) },
];

/** What the classes mean, for before there is a result. */
export const Kinds = {
  name: "ReconcileKinds",
  setup: () => () => html`<section class="tall"><h2>${t("reconcile.kinds")}</h2><dl class="kinds">
    ${CLASSES.map((name) => [html`<dt key=${name}>${word("reconcile.class", name)}</dt>`, html`<dd key=${`${name}-means`}>${t(`reconcile.means.${name}`)}</dd>`])}</dl></section>`,
};

export const Result = {
  name: "ReconcileResult",
  props: { result: { type: Object, required: true }, file: { type: String, required: true }, busy: Boolean },
  emits: ["download"],
  setup(props, { emit }) {
    const route = useRoute();
    const shown = ref("");
    const all = ref(false);
    const present = computed(() => ["", ...CLASSES.filter((name) => props.result.rows.some((row) => row.class === name))]);
    const rows = computed(() => props.result.rows.map((row, at) => ({ ...row, at })).filter((row) => !shown.value || row.class === shown.value));
    const cut = computed(() => Object.values(props.result.totals).some(({ count }, at) => CLASSES[at] !== "matched" && count > props.result.shown));
    const save = (format, close) => { close(); if (!props.busy) emit("download", format, all.value); };
    return () => {
      const { agrees, totals } = props.result;
      return html`<section>
        <h2 class="visually-hidden">${t("reconcile.result")}</h2>
        <p class=${["verdict-line", "word", agrees ? "good" : "danger"]} role="status"><${Icon} name=${agrees ? "check" : "alert"} /><span>${t(agrees ? "reconcile.agrees" : "reconcile.differs", { file: props.file })}</span></p>
        <${DataTable} caption=${t("reconcile.result")} columns=${sums()} rows=${CLASSES.map((name) => ({ name, ...totals[name] }))} rowKey=${(row) => row.name} />
      </section>
      <section>
        <div class="spread wrap"><h2>${t("reconcile.unmatched")}</h2><div class="row wrap">
          <${Check} label=${t("reconcile.withMatched")} modelValue=${all.value} onUpdate:modelValue=${(on) => { all.value = on; }} />
          <${Menu} label=${t("reconcile.download")} icon="download" words end>${(close) => html`<div class="list">${FORMATS.map((format) => html`<button type="button" key=${format} id="download-${format}" onClick=${() => save(format, close)}>${format.toUpperCase()}</button>`)}</div>`}</${Menu}></div></div>
        ${present.value.length > 2 ? html`<${Segments} label=${t("reconcile.kind")} options=${present.value.map((value) => ({ value, label: value ? word("reconcile.class", value) : t("reconcile.every") }))}
          modelValue=${shown.value} onUpdate:modelValue=${(name) => { shown.value = name; }} />` : null}
        <${DataTable} name="reconcile" caption=${t("reconcile.unmatched")} columns=${rowColumns(route)} rows=${rows.value} rowKey=${(row) => String(row.at)}>${{ empty: () => html`<p class="quiet">${t("reconcile.nothing")}</p>` }}</${DataTable}>
        ${cut.value ? html`<p class="small quiet">${t("reconcile.cut", { count: props.result.shown })}</p>` : null}
      </section>`;
    };
  },
};
