// Charts: lines and stacked bars from zero. ECharts is loaded when the first one is shown. The numbers are there as a table too.
import { onBeforeUnmount, onMounted, ref, watch } from "vue";
import { t } from "../core/i18n.js";
import { shade } from "../core/prefs.js";
import { html } from "../html.js";
import { colourOf, options } from "./chart_options.js";

export const MOST_SERIES = 6;

/** At most six series by their sums, the rest as one called "other". `series`: [{name, data: numbers}]. */
export function top(series, most = MOST_SERIES) {
  const sum = (one) => one.data.reduce((total, value) => total + (Number(value) || 0), 0);
  const ordered = [...series].sort((one, other) => sum(other) - sum(one));
  if (ordered.length <= most) return ordered;
  const rest = ordered.slice(most - 1);
  const data = rest[0].data.map((_, at) => rest.reduce((total, one) => total + (Number(one.data[at]) || 0), 0));
  return [...ordered.slice(0, most - 1), { name: t("chart.other"), data, rest: true }];
}

/**
 * `labels`: the texts below (days, hours); `series`: [{name, data, id?}]; `kind` "bar" (stacked) or "line"; `format(value)` writes numbers;
 * `total` names the sum of a stack, where it is worth telling; `title` names it for those who do not see it. Emits "pick" with {name, label} for a click on a part.
 */
export const Chart = {
  name: "Chart",
  props: {
    title: { type: String, required: true }, labels: { type: Array, required: true }, series: { type: Array, required: true },
    kind: { type: String, default: "bar" }, format: { type: Function, default: (value) => String(value) }, height: { type: Number, default: 220 },
    total: { type: String, default: "" },
  },
  emits: ["pick"],
  setup(props, { emit }) {
    const box = ref(null);
    let chart = null;
    const isDrawn = ref(false);
    let gone = false;
    const resize = new ResizeObserver(() => chart?.resize());
    const draw = () => chart?.setOption(options(props, box.value), { notMerge: true });
    onMounted(async () => {
      const { init } = await import("echarts");
      if (gone) return;
      chart = init(box.value, null, { renderer: "canvas" });
      chart.on("click", ({ seriesName, name }) => emit("pick", { name: seriesName, label: name }));
      resize.observe(box.value);
      draw();
      isDrawn.value = true;
    });
    watch(() => [props.labels, props.series, props.kind, shade.value], draw, { flush: "post" });
    onBeforeUnmount(() => { gone = true; resize.disconnect(); chart?.dispose(); });
    const sumAt = (at) => props.series.reduce((sum, one) => sum + (Number(one.data[at]) || 0), 0);
    return () => html`<figure class="chart" aria-busy=${!isDrawn.value}>
      <div class="legend small">${props.series.length > 1 ? props.series.map((one) => html`<span class="key" key=${one.name}><i data-colour=${colourOf(one, props.series)} />${one.name}</span>`) : null}</div>
      <div class="canvas" ref=${box} role="img" aria-label=${props.title} style=${{ height: `${props.height}px` }} />
      <details class="numbers"><summary>${t("chart.numbers")}</summary><div class="scroll" tabindex="0" role="region" aria-label=${props.title}><table class="table plain">
        <thead><tr><th scope="col">${t("chart.period")}</th>${props.series.map((one) => html`<th scope="col" class="number" key=${one.name}>${one.name}</th>`)}${props.total ? html`<th scope="col" class="number">${props.total}</th>` : null}</tr></thead>
        <tbody>${props.labels.map((label, at) => html`<tr key=${label}><th scope="row">${label}</th>${props.series.map((one) => html`<td class="number" key=${one.name}>${props.format(one.data[at])}</td>`)}${props.total ? html`<td class="number">${props.format(sumAt(at))}</td>` : null}</tr>`)}</tbody>
      </table></div></details>
    </figure>`;
  },
};
