// The audit trail: who did what, when, to which object, with what was before and after.
import { computed, onMounted, ref, watch } from "vue";
import { t, word } from "../../core/i18n.js";
import { useQuery } from "../../core/query.js";
import { html } from "../../html.js";
import { DataTable } from "../../parts/DataTable.js";
import { Drawer } from "../../parts/Dialog.js";
import { Pick } from "../../parts/Pick.js";
import { Empty, Facts, Page } from "../../parts/Page.js";
import { Time } from "../../parts/Time.js";
import { rangeDefaults, TimeRange } from "../../parts/TimeRange.js";
import { Account } from "./parts/Account.js";
import { AccountField } from "./parts/AccountField.js";
import { ACTIONS } from "./parts/actions.js";
import { Difference, summary } from "./parts/Difference.js";
import { period, useEvents } from "./parts/events.js";

const DEFAULTS = { ...rangeDefaults("30d"), actor: "", action: "", object: "" };

const columns = () => [
  { id: "at", label: t("column.time"), class: "two", always: true, cell: (row) => html`<${Time} at=${row.ts} />` },
  { id: "actor", label: t("column.actor"), class: "clip", cell: (row) => html`<${Account} of=${row.actor} plain />` },
  { id: "action", label: t("column.action"), cell: (row) => word("action", row.body.action) },
  { id: "object", label: t("column.object"), class: "clip two", cell: (row) => html`<${Account} of=${row.body.object} plain />` },
  { id: "change", label: t("changes.change"), class: "wide two", cell: (row) => summary(row.body) },
];

function filters(filter, set) {
  const options = ACTIONS.map((value) => ({ value, label: word("action", value), note: value }));
  return html`<div class="bar" role="search">
    <${TimeRange} filter=${filter} set=${set} />
    <${AccountField} label=${t("column.actor")} placeholder=${t("changes.anybody")} modelValue=${filter.actor} onUpdate:modelValue=${(actor) => set({ actor })} />
    <div class="field"><span class="name">${t("column.action")}</span>
      <${Pick} label=${t("column.action")} placeholder=${t("changes.anything")} options=${options} clearable modelValue=${filter.action} onUpdate:modelValue=${(action) => set({ action })} /></div>
    <label class="field"><span class="name">${t("column.object")}</span><input class="mono" name="object" value=${filter.object} placeholder="channel:3" autocomplete="off" spellcheck="false"
      onChange=${({ target }) => set({ object: target.value.trim() })} /></label>
  </div>`;
}

function drawer(row, close, set) {
  const { actor, ts, body, id } = row;
  const narrow = (change) => { close(); set(change); };
  return html`<${Drawer} title=${word("action", body.action)} wide onClose=${close}>
    <${Facts} pairs=${[
      [t("column.time"), html`<${Time} at=${ts} />`], [t("column.actor"), html`<${Account} of=${actor} plain />`],
      [t("column.object"), html`<${Account} of=${body.object} plain />`], [t("ledger.id"), html`<code>${id}</code>`],
    ]} />
    <${Difference} body=${body} />
    <div class="row wrap"><button type="button" class="button tiny" onClick=${() => narrow({ object: body.object })}>${t("changes.ofObject")}</button>
      <button type="button" class="button tiny" onClick=${() => narrow({ actor })}>${t("changes.ofActor")}</button></div>
  </${Drawer}>`;
}

export default {
  name: "Changes",
  setup() {
    const { filter, set, clear, isNarrow } = useQuery(DEFAULTS);
    const wanted = () => ({
      // Everything of this type is recorded on this account, by which it is quickly found.
      account: "directory", type: "audit.recorded", ...period(filter.value),
      actor: filter.value.actor, action: filter.value.action, object: filter.value.object,
    });
    const { rows, next, error, busy, run } = useEvents(wanted);
    const chosen = ref(null);
    const opened = computed(() => rows.value.find((row) => row.id === chosen.value) ?? null);
    onMounted(() => run(false));
    watch(filter, () => run(false));
    const close = () => { chosen.value = null; };
    return () => html`<${Page} title=${t("nav.changes")}>${{
      lead: () => t("changes.lead"),
      default: () => html`
        ${filters(filter.value, set)}
        <${DataTable} name="changes" caption=${t("nav.changes")} columns=${columns()} rows=${rows.value} rowKey=${(row) => row.id}
          busy=${busy.value} error=${error.value} retry=${() => run(false)} more=${Boolean(next.value)} onMore=${() => run(true)}
          opens opened=${chosen.value} onOpen=${(row) => { chosen.value = row.id; }}>${{
            empty: () => html`<${Empty} title=${t("changes.none")}>${isNarrow.value ? html`<button type="button" class="button" onClick=${clear}>${t("filter.clear")}</button>` : null}</${Empty}>`,
          }}</${DataTable}>
        ${opened.value ? drawer(opened.value, close, set) : null}`,
    }}</${Page}>`;
  },
};
