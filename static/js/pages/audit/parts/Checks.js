// What was checked, each with its count; and what was found.
import { number, t, word } from "../../../core/i18n.js";
import { html } from "../../../html.js";
import { DataTable } from "../../../parts/DataTable.js";
import { Icon } from "../../../parts/Icon.js";
import { Time } from "../../../parts/Time.js";

/** Which findings speak against which check. */
const AGAINST = {
  chain: ["event changed", "event inserted", "event invalid", "event missing", "chain broken", "order changed", "archive broken"],
  amounts: ["amount wrong", "cost wrong", "hold wrong", "lots wrong", "reversal wrong"],
  accounts: ["account changed", "account ahead", "balance negative", "part negative", "component negative", "slice overspent", "slice orphaned", "slices differ"],
  seals: ["seal broken", "seal changed", "seal forged", "seal missing", "seal unsigned", "seals behind"],
  sums: ["sums differ"],
};

function found(books) {
  const faults = books.verified?.report.faults ?? [];
  return [...faults.map((one) => ({ ...one, level: "fault" })), ...(books.audit?.findings ?? [])];
}

/** The checks as rows: {id, count (text), at, bad}. `bad` null means that it was not checked yet. */
function rows(books) {
  const { audit, verified } = books;
  const kinds = new Set(found(books).filter(({ level }) => level !== "notice").map(({ kind }) => kind));
  const bad = (id, known) => (known ? AGAINST[id].some((kind) => kinds.has(kind)) : null);
  const report = verified?.report;
  const events = report && report.events + report.checked_before;
  return [
    { id: "chain", count: report && t("checks.events", { count: events, writers: number(report.writers) }), at: verified?.ended, bad: bad("chain", report) },
    { id: "amounts", count: report && t("checks.amounts", { count: events }), at: verified?.ended, bad: bad("amounts", report) },
    { id: "accounts", count: report && t("checks.accounts", { count: report.accounts }), at: verified?.ended, bad: bad("accounts", report) },
    { id: "seals", count: report && t("checks.seals", { count: report.seals, signed: number(report.signed), unsealed: number(report.unsealed) }), at: verified?.ended, bad: bad("seals", report) },
    { id: "sums", count: audit && (audit.compared ? t("checks.sums", { count: audit.accounts }) : t("books.sums.waiting", { count: audit.behind })), at: audit?.at, bad: bad("sums", audit?.compared) },
  ];
}

function state({ bad }) {
  const kind = bad === null || bad === undefined ? "unknown" : bad ? "danger" : "good";
  return html`<span class=${["word", kind]}><${Icon} name=${{ good: "check", danger: "alert", unknown: "clock" }[kind]} />${t(`checks.${kind}`)}</span>`;
}

const columns = () => [
  { id: "check", label: t("checks.check"), class: "two loose", cell: (row) => html`<span>${t(`checks.${row.id}.name`)}</span><span class="small quiet block">${t(`checks.${row.id}.what`)}</span>` },
  { id: "state", label: t("checks.state"), cell: state },
  { id: "count", label: t("checks.count"), class: "loose", cell: (row) => row.count || null },
  { id: "at", label: t("checks.at"), class: "two", cell: (row) => (row.at ? html`<${Time} at=${row.at} />` : null) },
];

export const Checks = {
  name: "Checks",
  props: { books: { type: Object, required: true } },
  setup: (props) => () => html`<section class="tall"><h2>${t("checks")}</h2>
    <${DataTable} caption=${t("checks")} columns=${columns()} rows=${rows(props.books)} rowKey=${(row) => row.id} /></section>`,
};

/** Faults and notices, each with its kind in the reader's words, where, and the server's own sentence. */
export const Findings = {
  name: "Findings",
  props: { books: { type: Object, required: true } },
  setup: (props) => () => {
    const all = found(props.books);
    const more = (props.books.verified?.report.faults_found ?? 0) - (props.books.verified?.report.faults.length ?? 0);
    const notices = props.books.verified?.report.notices ?? [];
    if (!all.length && !notices.length) return null;
    return html`<section><h2>${t("findings")}</h2><ul class="findings">
      ${all.map(({ kind, subject, message, level }, at) => html`<li key=${at}><span class=${["word", level === "notice" ? "warning" : "danger"]}><${Icon} name="alert" />${word("finding", kind.replaceAll(" ", "_"))}</span>
        <span class="mono">${subject}</span><span class="quiet">${message}</span></li>`)}
      ${notices.map((text, at) => html`<li key=${`notice-${at}`}><span class="word warning"><${Icon} name="info" />${t("findings.notice")}</span><span>${text}</span></li>`)}
    </ul>${more > 0 ? html`<p class="small quiet">${t("findings.more", { count: more })}</p>` : null}</section>`;
  },
};
