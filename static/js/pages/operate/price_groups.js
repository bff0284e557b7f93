// Group ratios, and what uses each group.
import { computed, onMounted, reactive } from "vue";
import { number, t } from "../../core/i18n.js";
import { useLoad } from "../../core/load.js";
import { call, isRoot } from "../../core/session.js";
import { bind, html } from "../../html.js";
import { DataTable } from "../../parts/DataTable.js";
import { Field } from "../../parts/Field.js";
import { isRate } from "./price_classes.js";
import { draft, setGroup } from "./price_draft.js";

const ratioOf = (book, name) => (draft.groups.has(name) ? draft.groups.get(name) : book.groups[name] ?? null);

function ratioCell(book, name) {
  const ratio = ratioOf(book, name);
  const changed = draft.groups.has(name);
  if (!isRoot.value) return ratio ?? html`<span class="quiet">1</span>`;
  return html`<input class="input rate-input" inputmode="decimal" autocomplete="off" aria-label=${t("prices.ratioof", { group: name })} value=${ratio ?? ""} placeholder="1"
    aria-invalid=${ratio !== null && !isRate(ratio) ? "true" : null} data-changed=${changed ? "" : null}
    onChange=${({ target }) => setGroup(book, name, target.value.trim() || null)} />`;
}

export const PriceGroups = {
  name: "PriceGroups",
  props: { book: { type: Object, required: true } },
  setup(props) {
    const form = reactive({ name: "", ratio: "", wrong: "" });
    const { data, error, busy, run } = useLoad(async (signal) => (await call.get("/api/group/uses", {}, { signal })).data);
    onMounted(run);
    const rows = computed(() => {
      const known = data.value ?? [];
      const names = new Set(known.map(({ group }) => group));
      return [...known, ...[...draft.groups.keys()].filter((name) => !names.has(name)).map((group) => ({ group, users: 0, keys: 0, channels: 0 }))];
    });
    function add(event) {
      event.preventDefault();
      const name = form.name.trim();
      form.wrong = !name ? t("prices.needsname") : isRate(form.ratio.trim()) ? "" : t("prices.norate");
      if (form.wrong) return;
      setGroup(props.book, name, form.ratio.trim());
      Object.assign(form, { name: "", ratio: "" });
    }
    const columns = () => [
      { id: "group", label: t("column.group"), class: "wide", always: true, cell: (row) => row.group },
      { id: "mark", label: t("column.status"), always: true, cell: (row) => (draft.groups.has(row.group) ? html`<span class="tag draft">${t("prices.mark.changed")}</span>` : null) },
      { id: "ratio", label: t("prices.ratio"), number: true, always: true, cell: (row) => ratioCell(props.book, row.group) },
      ...["users", "keys", "channels"].map((name) => ({ id: name, label: t(`prices.uses.${name}`), number: true, always: true, cell: (row) => number(row[name]) })),
    ];
    return () => html`<p class="quiet">${t("prices.groups.lead")}</p>
      <${DataTable} caption=${t("prices.tab.groups")} columns=${columns()} rows=${rows.value} rowKey=${(row) => row.group} busy=${busy.value} error=${error.value} retry=${run} />
      ${isRoot.value ? html`<form class="bar" novalidate onSubmit=${add}>
        <${Field} label=${t("prices.newgroup")} error=${form.wrong}>${(given) => html`<input ...${given} autocomplete="off" maxlength="32" ...${bind(form, "name")} />`}</${Field}>
        <${Field} label=${t("prices.ratio")}>${(given) => html`<input ...${given} inputmode="decimal" autocomplete="off" ...${bind(form, "ratio")} />`}</${Field}>
        <button type="submit" class="button">${t("prices.todraft")}</button></form>` : null}`;
  },
};
