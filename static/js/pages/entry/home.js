// The start page: the operator's own text or page; where there is none, what this service is, what it costs, and the first request.
import { onMounted } from "vue";
import { RouterLink, useRouter } from "vue-router";
import * as api from "../../core/api.js";
import { t } from "../../core/i18n.js";
import { useLoad } from "../../core/load.js";
import { address, session, systemName } from "../../core/session.js";
import { html } from "../../html.js";
import { Copy } from "../../parts/Copy.js";
import { DataTable } from "../../parts/DataTable.js";
import { Failure } from "../../parts/Failure.js";
import { OperatorText } from "./OperatorText.js";
import { priceColumns } from "./pricing/columns.js";

const SHOWN = 8;

function firstRequest(models) {
  const chat = models.find(({ rates }) => rates.output)?.model ?? "gpt-4o-mini";
  const body = JSON.stringify({ model: chat, messages: [{ role: "user", content: t("home.hello") }] }).replaceAll("'", "'\\''");
  return `curl '${address()}/v1/chat/completions' \\\n  -H 'Content-Type: application/json' \\\n  -H "Authorization: Bearer $API_KEY" \\\n  -d '${body}'`;
}

/** A few models of many: the first of each vendor in turn, so that the breadth is seen. */
function someOf(models) {
  const turns = new Map();
  const turn = (vendor) => turns.set(vendor, (turns.get(vendor) ?? -1) + 1).get(vendor);
  return models.map((row) => ({ row, turn: turn(row.vendor) })).sort((one, other) => one.turn - other.turn)
    .slice(0, SHOWN).map(({ row }) => row).sort((one, other) => one.model.localeCompare(other.model));
}

const doors = () => html`<div class="row">
  ${session.status.register ? html`<${RouterLink} class="button primary" to="/join">${t("home.join")}</${RouterLink}>` : null}
  <${RouterLink} class=${["button", { primary: !session.status.register }]} to="/signin">${t("nav.signin")}</${RouterLink}></div>`;

const StartPage = {
  name: "StartPage",
  setup() {
    const { data, error, busy, run } = useLoad(async (signal) => (await api.get("/api/pricing", {}, { signal })).data, []);
    onMounted(run);
    const table = () => html`<section>
      <div class="spread"><h2>${t("home.models", { count: data.value.length })}</h2><${RouterLink} to="/pricing">${t("home.allPrices")}</${RouterLink}></div>
      <${DataTable} caption=${t("nav.pricing")} columns=${priceColumns(data.value, ["input", "cached", "output"])} rows=${someOf(data.value)} rowKey=${(row) => row.model} busy=${busy.value} /></section>`;
    const request = () => html`<section>
      <h2>${t("home.first")}</h2><p class="quiet">${t("home.firstText")}</p>
      <div class="snippet"><pre tabindex="0">${firstRequest(data.value)}</pre><${Copy} text=${() => firstRequest(data.value)} words /></div>
      <p class="small quiet">${t("home.compatible")} <${RouterLink} to="/api">${t("nav.api")}</${RouterLink}></p></section>`;
    return () => html`<div class="page home">
      <header class="stack"><h1>${systemName.value}</h1><p class="says">${t("home.says")}</p><p class="quiet">${t("home.books")}</p>${doors()}</header>
      <${Failure} error=${error.value} retry=${run} />
      ${busy.value || data.value.length ? table() : null}
      ${request()}
    </div>`;
  },
};

export default {
  name: "Home",
  setup() {
    const router = useRouter();
    if (session.user) {
      router.replace("/overview");
      return () => null;
    }
    return () => html`<${OperatorText} name="home_page_content" title=${systemName.value}>${() => html`<${StartPage} />`}</${OperatorText}>`;
  },
};
