// Access tokens: for scripts that use the management API. Each is shown once.
import { onMounted, ref } from "vue";
import { RouterLink } from "vue-router";
import { t } from "../../../core/i18n.js";
import { useLoad } from "../../../core/load.js";
import { call } from "../../../core/session.js";
import { html } from "../../../html.js";
import { confirm } from "../../../parts/confirm.js";
import { DataTable } from "../../../parts/DataTable.js";
import { Time } from "../../../parts/Time.js";
import { NewToken } from "./NewToken.js";
import { Section } from "./Section.js";

const URL = "/api/user/tokens";

export const Tokens = {
  name: "Tokens",
  setup() {
    const making = ref(false);
    const { data, error, busy, run } = useLoad(async (signal) => (await call.get(URL, {}, { signal })).data, []);
    onMounted(run);
    const revoke = (row) => confirm({
      title: t("tokens.revoke"), text: t("tokens.revoke.text", { name: row.name }), go: t("tokens.revoke.go"),
      act: async () => { await call.remove(`${URL}/${row.id}`); await run(); },
    });
    const columns = () => [
      { id: "name", label: t("column.name"), class: "clip two", cell: (row) => row.name },
      { id: "scope", label: t("tokens.scope"), cell: (row) => t(`tokens.scope.${row.scope}`) },
      { id: "created", label: t("column.created"), cell: (row) => html`<${Time} at=${row.created_time} day />` },
      { id: "used", label: t("tokens.used"), class: "two", cell: (row) => (row.used_time ? html`<${Time} at=${row.used_time} />` : html`<span class="quiet">${t("tokens.unused")}</span>`) },
      { id: "expires", label: t("tokens.expires"), cell: (row) => (row.expires_time ? html`<${Time} at=${row.expires_time} day />` : html`<span class="quiet">${t("tokens.never")}</span>`) },
      { id: "revoke", label: "", class: "last", cell: (row) => html`<button type="button" class="button tiny" onClick=${() => revoke(row)}>${t("tokens.revoke.go")}</button>` },
    ];
    const empty = () => html`<p class="quiet">${t("tokens.none")}</p>`;
    return () => html`<${Section} title=${t("tokens")} text=${t("tokens.text")}>
      <${DataTable} caption=${t("tokens")} columns=${columns()} rows=${data.value} rowKey=${(row) => row.id} busy=${busy.value} error=${error.value} retry=${run}>${{ empty }}</${DataTable}>
      <div class="row"><button type="button" class="button" id="new-token" onClick=${() => { making.value = true; }}>${t("tokens.make")}</button>
        <${RouterLink} to="/api">${t("nav.api")}</${RouterLink}></div>
      ${making.value ? html`<${NewToken} onMade=${run} onClose=${() => { making.value = false; }} />` : null}
    </${Section}>`;
  },
};
