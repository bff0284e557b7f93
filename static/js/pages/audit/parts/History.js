// What was checked before: verifications that people started, and the audits that run by themselves.
import { number, t } from "../../../core/i18n.js";
import { nameOf } from "../../../core/names.js";
import { html } from "../../../html.js";
import { DataTable } from "../../../parts/DataTable.js";
import { Icon } from "../../../parts/Icon.js";
import { Time } from "../../../parts/Time.js";

function outcome({ state, report }) {
  const good = state === "done" && report.ok;
  const kind = state === "running" ? "" : good ? "good" : "danger";
  const said = state === "done" ? (good ? t("verify.noFault") : t("books.faults", { count: report.faults_found })) : t(`verify.state.${state}`);
  return html`<span class=${["word", kind]}><${Icon} name=${kind === "good" ? "check" : kind ? "alert" : "clock"} />${said}</span>`;
}

const columns = () => [
  { id: "began", label: t("verify.history.began"), class: "two", cell: (run) => html`<${Time} at=${run.began} />` },
  { id: "kind", label: t("verify.history.kind"), cell: (run) => t(run.new ? "verify.kind.new" : "verify.kind.all") },
  { id: "actor", label: t("column.actor"), cell: (run) => nameOf(run.actor) || run.actor },
  { id: "events", label: t("verify.history.events"), number: true, cell: (run) => (run.report ? number(run.report.events) : number(run.done)) },
  { id: "outcome", label: t("verify.history.outcome"), class: "wide two", cell: outcome },
];

function audits({ audit, history }) {
  if (!audit) return html`<p class="quiet">${t("audit.none")}</p>`;
  const wrong = history.filter((one) => !one.ok);
  return html`<p class=${["small", wrong.length ? "word danger" : "quiet"]}>
    ${t("audit.latest")} <${Time} at=${audit.at} />${t("audit.stop")} ${!history.length ? null : wrong.length ? t("audit.history.wrong", { count: wrong.length, of: number(history.length) }) : t("audit.history.good", { count: history.length })}
    ${wrong.length ? html`<${Time} at=${wrong[0].at} />` : null}</p>`;
}

export const History = {
  name: "VerifyHistory",
  props: { books: { type: Object, required: true } },
  setup: (props) => () => html`<section class="tall"><h2>${t("verify.history")}</h2>${audits(props.books)}
    ${props.books.runs.length ? html`<${DataTable} caption=${t("verify.history")} columns=${columns()} rows=${props.books.runs} rowKey=${(run) => run.id} />` : html`<p class="quiet">${t("verify.history.none")}</p>`}</section>`,
};
