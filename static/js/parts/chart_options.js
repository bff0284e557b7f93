// What ECharts is told: our colours and type, from the theme's tokens, and nothing that moves without need.
const COLOURS = 6;

/** The number of a series' colour, 1 to 6: the same name (or `id`, where the name is a word of a language) has the same one on every page, unless a chart has two that clash. */
export function colourOf(one, all) {
  const taken = new Map();
  for (const each of all) {
    let at = [...(each.id ?? each.name)].reduce((sum, letter) => (sum * 31 + letter.codePointAt(0)) % 9973, 7) % COLOURS;
    while ([...taken.values()].includes(at + 1) && taken.size < COLOURS) at = (at + 1) % COLOURS;
    taken.set(each.name, at + 1);
  }
  return one.rest ? 0 : taken.get(one.name);
}

function token(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

function seriesOf(one, props) {
  const colour = token(one.rest ? "--chart-rest" : `--chart-${colourOf(one, props.series)}`);
  const common = { name: one.name, data: one.data, itemStyle: { color: colour }, emphasis: { focus: "series" }, animation: false };
  return props.kind === "bar"
    ? { ...common, type: "bar", stack: "all", barMaxWidth: 28 }
    : { ...common, type: "line", showSymbol: false, lineStyle: { width: 1.6, color: colour } };
}

/** The sum of what is stacked, told by the hover and not drawn. */
function totalOf({ total, series, labels }) {
  if (!total) return [];
  const data = labels.map((_, at) => series.reduce((sum, one) => sum + (Number(one.data[at]) || 0), 0));
  return [{ name: total, data, type: "line", silent: true, showSymbol: false, animation: false, lineStyle: { opacity: 0 }, itemStyle: { opacity: 0 } }];
}

/** Shown on the canvas itself: a tooltip of HTML would need styles that the content policy refuses. */
function tooltip(props) {
  return {
    trigger: "axis", renderMode: "richText", confine: true, axisPointer: { type: props.kind === "bar" ? "shadow" : "line" },
    backgroundColor: token("--page"), borderColor: token("--line-strong"), textStyle: { color: token("--ink"), fontSize: 12 },
    valueFormatter: (value) => props.format(value),
  };
}

/** Days stand without their year below a chart; the hover and the numbers tell it. */
const short = (label) => label.replace(/^\d{4}-(?=\d\d-)/, "");

export function options(props) {
  const ink = token("--ink-2");
  const line = { lineStyle: { color: token("--line") } };
  return {
    animation: false, textStyle: { fontFamily: token("--font"), fontSize: 11, color: ink },
    grid: { left: 4, right: 8, top: 12, bottom: 4, containLabel: true },
    xAxis: { type: "category", data: props.labels, axisTick: { show: false }, axisLine: line, axisLabel: { color: ink, hideOverlap: true, formatter: short } },
    yAxis: { type: "value", min: ({ min }) => Math.min(0, min), splitNumber: 3, splitLine: line, axisLabel: { color: ink, formatter: (value) => props.format(value) } },
    tooltip: tooltip(props),
    series: [...props.series.map((one) => seriesOf(one, props)), ...totalOf(props)],
  };
}
