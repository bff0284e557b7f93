// Where one is signed in; each can be ended, or all but this one.
import { onMounted } from "vue";
import { t } from "../../../core/i18n.js";
import { useLoad } from "../../../core/load.js";
import { call } from "../../../core/session.js";
import { html } from "../../../html.js";
import { confirm } from "../../../parts/confirm.js";
import { DataTable } from "../../../parts/DataTable.js";
import { Time } from "../../../parts/Time.js";
import { Section } from "./Section.js";

const URL = "/api/user/sessions";
const BROWSERS = [["Edg", "Edge"], ["OPR", "Opera"], ["Firefox", "Firefox"], ["Chrome", "Chrome"], ["Safari", "Safari"], ["curl", "curl"], ["python", "Python"]];
const SYSTEMS = [["iPhone", "iPhone"], ["iPad", "iPad"], ["Android", "Android"], ["Windows", "Windows"], ["Mac OS", "macOS"], ["Linux", "Linux"]];

/** "Firefox, Linux" of what a browser says of itself; the beginning of it where it is none of the usual. */
function agentText(agent) {
  const known = [BROWSERS, SYSTEMS].map((list) => list.find(([part]) => agent.includes(part))?.[1]).filter(Boolean);
  return known.length ? known.join(t("comma")) : agent.slice(0, 60) || t("sessions.unknown");
}

export const Sessions = {
  name: "Sessions",
  setup() {
    const { data, error, busy, run } = useLoad(async (signal) => (await call.get(URL, {}, { signal })).data, []);
    onMounted(run);
    const end = (row) => confirm({
      title: t("sessions.end"), text: t("sessions.end.text", { where: `${agentText(row.agent)} (${row.address})` }), go: t("sessions.end.go"),
      act: async () => { await call.remove(`${URL}/${row.id}`); await run(); },
    });
    const endOthers = () => confirm({
      title: t("sessions.endOthers"), text: t("sessions.endOthers.text", { count: data.value.length - 1 }), go: t("sessions.endOthers"),
      act: async () => { await call.remove(URL); await run(); },
    });
    const columns = () => [
      { id: "where", label: t("sessions.where"), class: "two", cell: (row) => html`<span title=${row.agent}>${agentText(row.agent)}</span> ${row.current ? html`<span class="tag">${t("sessions.this")}</span>` : null}` },
      { id: "address", label: t("sessions.address"), cell: (row) => html`<span class="mono">${row.address}</span>` },
      { id: "seen", label: t("sessions.seen"), class: "two", cell: (row) => html`<${Time} at=${row.seen_time} />` },
      { id: "created", label: t("sessions.since"), cell: (row) => html`<${Time} at=${row.created_time} day />` },
      { id: "end", label: "", class: "last", cell: (row) => (row.current ? null : html`<button type="button" class="button tiny" onClick=${() => end(row)}>${t("sessions.end.go")}</button>`) },
    ];
    return () => html`<${Section} title=${t("sessions")} text=${t("sessions.text")}>
      <${DataTable} caption=${t("sessions")} columns=${columns()} rows=${data.value} rowKey=${(row) => row.id} busy=${busy.value} error=${error.value} retry=${run} />
      ${data.value.length > 1 ? html`<div class="row"><button type="button" class="button" id="end-others" onClick=${endOthers}>${t("sessions.endOthers")}</button></div>` : null}
    </${Section}>`;
  },
};
