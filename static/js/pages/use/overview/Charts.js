// Spend by model and by key, and requests. A click on a part leads to the log of just that.
import { useRouter } from "vue-router";
import { number, t } from "../../../core/i18n.js";
import { quotaText, shortUsd } from "../../../core/money.js";
import { isAdmin, session } from "../../../core/session.js";
import { html } from "../../../html.js";
import { Chart, top } from "../../../parts/Chart.js";

/** Charts are drawn with numbers; what they say is written as money is elsewhere, in USD or in quota. */
function money(drawn) {
  const nano = BigInt(Math.round(drawn));
  if (session.status.display_in_currency !== false) return shortUsd(nano);
  const { sign, whole, fraction } = quotaText(nano);
  return `${sign}${whole}${fraction ? `.${fraction}` : ""}`;
}
const count = (value) => number(value, { maximumFractionDigits: 1 });

export const Charts = {
  name: "Charts",
  props: { report: { type: Object, required: true } },
  setup(props) {
    const router = useRouter();
    const dayOf = (label) => props.report.parts.find((part) => part.label === label)?.day;
    const mine = () => (isAdmin.value ? { user: session.user.username } : {});
    function toLog(label, filter) {
      const day = dayOf(label);
      router.push({ path: "/log", query: { ...(day ? { range: "custom", from: day, to: day } : {}), type: "2", ...mine(), ...filter } });
    }
    const isName = (name) => name && name !== t("chart.other");
    const byModel = ({ name, label }) => toLog(label, isName(name) ? { model: name } : {});
    const byKey = ({ name, label }) => toLog(label, props.report.keyOf.get(name) ? { key: props.report.keyOf.get(name) } : {});
    const chart = (title, series, format, pick, height) => html`<section class="chart-of"><h2>${title}</h2>
      <${Chart} title=${title} labels=${props.report.parts.map(({ label }) => label)} series=${top(series)} format=${format} height=${height} onPick=${pick} /></section>`;
    return () => {
      const { report } = props;
      return html`<div class="charts">
        ${chart(t("overview.byModel"), report.spendByModel, money, byModel, 240)}
        <div class="two-columns">
          ${chart(t("overview.byKey"), report.spendByKey, money, byKey, 180)}
          ${chart(t("overview.requestsByModel"), report.requestsByModel, count, byModel, 180)}
        </div>
        ${report.utc ? html`<p class="small quiet">${t("overview.utcDays")}</p>` : null}
      </div>`;
    };
  },
};
