// The latest seals, to write down.
import { onMounted, ref, shallowRef } from "vue";
import { number, t } from "../../../core/i18n.js";
import { useLoad } from "../../../core/load.js";
import { call } from "../../../core/session.js";
import { html } from "../../../html.js";
import { Copy } from "../../../parts/Copy.js";
import { DataTable } from "../../../parts/DataTable.js";
import { Time } from "../../../parts/Time.js";
import { timeOf } from "./state.js";

const PAGE = 5;

const columns = (counted) => [
  { id: "number", label: t("seals.number"), number: true, class: "first", cell: (seal) => number(seal.number) },
  { id: "sealed", label: t("seals.sealed"), class: "two", cell: (seal) => html`<${Time} at=${timeOf(seal.sealed_us)} />` },
  ...(counted ? [{ id: "events", label: t("seals.events"), number: true, cell: (seal) => number(seal.events) }] : []),
  { id: "signed", label: t("seals.signed"), cell: (seal) => t(seal.signature ? "yes" : "no") },
  { id: "digest", label: t("seals.digest"), class: "wide whole", cell: (seal) => html`<span class="row digest-row"><code class="digest">${seal.digest}</code>
    <${Copy} text=${seal.digest} label=${t("seals.copy", { number: number(seal.number) })} /></span>` },
];

export const Seals = {
  name: "Seals",
  setup() {
    const rows = shallowRef([]);
    const next = ref(null);
    const { error, busy, run } = useLoad(async (signal, further) => {
      const answer = await call.get("/api/ledger/seals", { limit: PAGE, before: further ? next.value : "" }, { signal });
      rows.value = further ? [...rows.value, ...answer.data] : answer.data;
      next.value = answer.next;
    });
    onMounted(() => run(false));
    const counted = () => rows.value.some((seal) => seal.events !== undefined);
    return () => html`<section class="tall"><h2>${t("seals")}</h2><p class="quiet prose">${t("seals.why")}</p>
      <${DataTable} caption=${t("seals")} columns=${columns(counted())} rows=${rows.value} rowKey=${(seal) => seal.number} busy=${busy.value} error=${error.value} retry=${() => run(false)}>${{
        empty: () => html`<p class="quiet">${t("seals.none")}</p>`,
      }}</${DataTable}>
      ${next.value ? html`<div><button type="button" class="button" onClick=${() => run(true)}>${t("seals.earlier")}</button></div>` : null}</section>`;
  },
};
