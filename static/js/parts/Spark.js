// A small line of how a number went, beside the number. It tells a shape, not values: those are in the chart.
import { html } from "../html.js";

const WIDTH = 96;
const HEIGHT = 22;
const EDGE = 2;

function points(values) {
  const most = Math.max(...values, 0) || 1;
  const step = (WIDTH - 2 * EDGE) / (values.length - 1);
  return values.map((value, at) => `${(EDGE + at * step).toFixed(1)},${(HEIGHT - EDGE - (value / most) * (HEIGHT - 2 * EDGE)).toFixed(1)}`).join(" ");
}

/** `values`: numbers from the oldest on, drawn from zero; nothing is drawn for fewer than two. */
export const Spark = {
  name: "Spark",
  props: { values: { type: Array, required: true } },
  setup: (props) => () => (props.values.length < 2 ? null : html`<svg class="spark" viewBox="0 0 ${WIDTH} ${HEIGHT}" width=${WIDTH} height=${HEIGHT} aria-hidden="true">
    <polyline points=${points(props.values)} /></svg>`),
};
