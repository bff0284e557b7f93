// The last ten charges, each with the way to its explanation.
import { RouterLink, useRoute, useRouter } from "vue-router";
import { number, t } from "../../../core/i18n.js";
import { nanoOf, shortUsd } from "../../../core/money.js";
import { isAdmin, session } from "../../../core/session.js";
import { duration } from "../../../core/time.js";
import { html } from "../../../html.js";
import { DataTable } from "../../../parts/DataTable.js";
import { Money } from "../../../parts/Money.js";
import { Time } from "../../../parts/Time.js";

function columns(place) {
  return [
    { id: "time", label: t("column.time"), class: "two", always: true, cell: (row) => html`<${Time} at=${row.created_at} />` },
    { id: "model", label: t("column.model"), class: "wide two", cell: (row) => row.model_name },
    { id: "key", label: t("column.key"), class: "clip", cell: (row) => row.token_name },
    { id: "input", label: t("column.input"), number: true, cell: (row) => number(row.prompt_tokens) },
    { id: "output", label: t("column.output"), number: true, cell: (row) => number(row.completion_tokens) },
    { id: "duration", label: t("column.duration"), number: true, cell: (row) => duration(row.elapsed_time) },
    { id: "amount", label: t("column.amount"), number: true, class: "amount two", always: true, cell: (row) => html`<${RouterLink} to=${place(row)}
      aria-label=${t("log.open", { amount: shortUsd(nanoOf(row), { signed: true }) })}><${Money} nano=${nanoOf(row)} signed column /></${RouterLink}>` },
  ];
}

export const Latest = {
  name: "Latest",
  props: { rows: { type: Array, required: true }, busy: Boolean, error: { default: null }, retry: { type: Function, required: true } },
  setup(props) {
    const route = useRoute();
    const router = useRouter();
    const place = (row) => ({ query: { ...route.query, event: row.event_id } });
    const all = () => ({ path: "/log", query: { type: "2", ...(isAdmin.value ? { user: session.user.username } : {}) } });
    return () => html`<section><div class="spread"><h2>${t("overview.latest")}</h2><${RouterLink} to=${all()}>${t("overview.all")}</${RouterLink}></div>
      <${DataTable} caption=${t("overview.latest")} columns=${columns(place)} rows=${props.rows} rowKey=${(row) => row.event_id} busy=${props.busy}
        error=${props.error} retry=${props.retry} opens opened=${route.query.event ?? null} onOpen=${(row) => router.push(place(row))} /></section>`;
  },
};
