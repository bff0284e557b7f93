// The figures above the charts: what is left, and what the period says, each with its change and how it went.
import { RouterLink } from "vue-router";
import { number, percent, t } from "../../../core/i18n.js";
import { shortUsd } from "../../../core/money.js";
import { session } from "../../../core/session.js";
import { duration } from "../../../core/time.js";
import { html } from "../../../html.js";
import { Money } from "../../../parts/Money.js";
import { Figures } from "../../../parts/Page.js";
import { Spark } from "../../../parts/Spark.js";
import { daysLeft } from "./pace.js";

const LONG_DAYS = 365;
const THOUSANDTHS = 1000n;

/** The share by which a number changed, or null where there is nothing to compare with. */
export function changeOf(now, before) {
  if (now === null || before === null || Number(before) === 0) return null;
  if (typeof now === "bigint") return Number(((now - before) * THOUSANDTHS) / before) / Number(THOUSANDTHS);
  return (now - before) / before;
}

/** The change in words, with what was before on the hover; nothing where nothing was used. */
function change(now, before, write) {
  if (!Number(now) && !Number(before)) return null;
  const share = changeOf(now, before);
  if (share === null) return html`<span class="change" title=${t("overview.nothingBefore")}>${t("overview.noChange")}</span>`;
  const sign = share > 0 ? "+" : share < 0 ? "\u2212" : "";
  return html`<span class="change" title=${t("overview.before", { value: write(before) })}>${sign}${percent(Math.abs(share))}</span>`;
}

const exactCount = (value) => html`<span title=${number(value)}>${number(value, value >= 100_000 ? { notation: "compact", maximumFractionDigits: 1 } : {})}</span>`;

/** What can be said about how long the balance lasts; the way it is reckoned is on the hover. */
function lasting(balance, pace) {
  if (balance <= 0n) return html`<${RouterLink} to="/topup">${t("overview.empty")}</${RouterLink}>`;
  if (!pace) return null;
  const days = daysLeft(balance, pace);
  if (days === null) return html`<span class="explained" tabindex="0" title=${t("overview.pace.how")}>${t(`overview.pace.${pace.kind}`)}</span>`;
  const how = t("overview.pace.from", { count: pace.days, amount: shortUsd(pace.perDay) });
  const said = days > LONG_DAYS ? t("overview.pace.long") : t("overview.pace.days", { count: days });
  return html`<span class="explained" tabindex="0" title="${how} ${t("overview.pace.how")}">${said}</span>`;
}

export function balanceFigure(pace) {
  const { balance } = session;
  const value = html`<span class=${{ low: balance !== null && balance <= 0n }}><${Money} nano=${balance} down /></span>`;
  return { label: t("balance"), value, note: balance === null ? null : lasting(balance, pace) };
}

/** `report` is null before the first one came. */
function used(report) {
  const write = { charged: (value) => shortUsd(value), requests: number, tokens: number, first: duration, latency: duration };
  const show = { charged: (value) => html`<${Money} nano=${value} />`, requests: exactCount, tokens: exactCount, first: duration, latency: duration };
  return Object.keys(write).map((name) => {
    const [now, before] = report ? [report.now[name], report.before[name]] : [null, null];
    const back = name === "charged" && report?.now.refunded > 0n ? html`<span>${t("overview.refunded")} <${Money} nano=${report.now.refunded} /></span>` : null;
    const note = report ? html`<span class="course"><${Spark} values=${report.courses[name]} />${change(now, before, write[name])}</span>${back}` : null;
    return { label: t(`overview.${name}`), value: now === null ? "–" : show[name](now), note, lesser: name !== "charged" };
  });
}

/** `unused` leaves out the figures of somebody who has used nothing yet. */
export const OverviewFigures = {
  name: "OverviewFigures",
  props: { report: { default: null }, pace: { default: null }, unused: Boolean },
  setup: (props) => () => html`<${Figures} items=${[balanceFigure(props.pace), ...(props.unused ? [] : used(props.report))]} />`,
};
