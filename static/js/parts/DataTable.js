// The one table. Head and totals stay in sight; at phone width the same cells, in the same order, are cards.
// Roles are written out because cards take the elements' own away.
import { computed, onBeforeUnmount, ref, watch } from "vue";
import { t } from "../core/i18n.js";
import { recall, remember } from "../core/prefs.js";
import { html } from "../html.js";
import { Failure } from "./Failure.js";
import { Icon } from "./Icon.js";
import { Menu } from "./Menu.js";
import { pointed, usePoints } from "./points.js";

const SKELETON_ROWS = 6;
const blank = (content) => content === null || content === undefined || content === "";
const kind = (column) => [{ number: column.number }, column.class];

/** Which columns are shown, remembered under `name`: {shown, toggle}. */
function useColumns(props) {
  const kept = () => recall("columns", {})[props.name] ?? {};
  const chosen = ref(props.name ? kept() : {});
  const isShown = (column) => column.always || (chosen.value[column.id] ?? !column.hidden);
  const shown = computed(() => props.columns.filter(isShown));
  function toggle(column) {
    chosen.value = { ...chosen.value, [column.id]: !isShown(column) };
    remember({ columns: { ...recall("columns", {}), [props.name]: chosen.value } });
  }
  return { shown, isShown, toggle };
}

const compare = (one, other) => {
  if (one === other) return 0;
  if (one === null || one === undefined) return 1;
  if (other === null || other === undefined) return -1;
  return typeof one === "string" ? one.localeCompare(other) : one < other ? -1 : 1;
};

/** Sorting of lists that are here whole: by a column whose `sort` tells the value of a row. */
function useSorting(props) {
  const by = ref(null);
  const turn = (column) => {
    const same = by.value?.id === column.id;
    by.value = same && by.value.down ? null : { id: column.id, down: same };
  };
  const rows = computed(() => {
    const column = by.value && props.columns.find(({ id }) => id === by.value.id);
    if (!column) return props.rows;
    const ordered = [...props.rows].sort((one, other) => compare(column.sort(one), column.sort(other)));
    return by.value.down ? ordered.reverse() : ordered;
  });
  return { by, turn, rows };
}

/**
 * `columns`: [{id, label, cell: (row) => node or text, number?, class?, hidden?, always?, silent?, sort?: (row) => value}];
 * `silent` shows no label (a column of buttons). Classes: wide, clip, two (card: double width), loose (wraps), amount, acts (card: top right). `rows`, `rowKey` (row → text).
 * `totals`: [{label, values: {columnId: node}, note?}] say which rows they stand for. `more` true: there are further rows ("more" is emitted
 * as one scrolls down). `opens` makes rows open ("open" with the row); `opened` is the key of the one that is. `selected`: a Set of keys
 * (v-model:selected), or null for none to choose. `name`: under which chosen columns are remembered. Slots: empty, tools.
 */
export const DataTable = {
  name: "DataTable",
  props: {
    columns: { type: Array, required: true }, rows: { type: Array, required: true }, rowKey: { type: Function, required: true },
    caption: { type: String, required: true }, totals: { type: Array, default: () => [] }, name: { type: String, default: "" },
    busy: Boolean, error: { default: null }, retry: { type: Function, default: null }, more: Boolean,
    opens: Boolean, opened: { default: null }, selected: { default: null }, rowClass: { type: Function, default: () => "" },
  },
  emits: ["more", "open", "update:selected"],
  setup(props, { emit, slots }) {
    const { shown, isShown, toggle } = useColumns(props);
    const { by, turn, rows } = useSorting(props);
    const edge = ref(null);
    const box = ref(null);
    usePoints(box);
    const watching = new IntersectionObserver((seen) => seen.some((one) => one.isIntersecting) && props.more && !props.busy && emit("more"), { rootMargin: "400px" });
    watch(edge, (node) => { watching.disconnect(); if (node) watching.observe(node); }, { flush: "post" });
    // Rows that came may not fill the window: looked at anew.
    watch(() => props.rows.length, () => { if (edge.value) { watching.unobserve(edge.value); watching.observe(edge.value); } }, { flush: "post" });
    onBeforeUnmount(() => watching.disconnect());

    function head(column) {
      const active = by.value?.id === column.id;
      const order = active ? (by.value.down ? "descending" : "ascending") : null;
      const label = column.sort
        ? html`<button type="button" class="sort" onClick=${() => turn(column)}>${column.label}${active ? html`<${Icon} name=${by.value.down ? "down" : "up"} />` : null}</button>`
        : column.silent ? html`<span class="visually-hidden">${column.label}</span>` : column.label;
      return html`<th key=${column.id} role="columnheader" scope="col" class=${kind(column)} aria-sort=${order}>${label}</th>`;
    }
    function cell(column, content) {
      const title = typeof content === "string" && /clip|wide/.test(column.class ?? "") ? content : null;
      return html`<td key=${column.id} role="cell" ...${column.number ? pointed(column.id) : null} class=${[kind(column), { empty: blank(content) }]} data-label=${column.silent ? null : column.label} title=${title}>${blank(content) ? null : content}</td>`;
    }
    function pick(key, chosen) {
      const next = new Set(props.selected);
      if (chosen) next.add(key);
      else next.delete(key);
      emit("update:selected", next);
    }
    const pickAll = (chosen) => emit("update:selected", new Set(chosen ? rows.value.map(props.rowKey) : []));
    function pickHead() {
      if (!props.selected) return null;
      const all = rows.value.length > 0 && rows.value.every((row) => props.selected.has(props.rowKey(row)));
      return html`<th role="columnheader" scope="col" class="pick"><input type="checkbox" aria-label=${t("table.selectAll")} checked=${all}
        onChange=${({ target }) => pickAll(target.checked)} /></th>`;
    }
    function clicked(event, row) {
      const selecting = !document.getSelection()?.isCollapsed;
      if (!props.opens || selecting || event.target.closest("a, button, input, select, textarea, label, .menu")) return;
      emit("open", row);
    }
    /** ↑ and ↓ walk the rows, Enter opens, the space bar chooses. */
    function pressed(event, row) {
      if (event.target !== event.currentTarget) return;
      const step = { ArrowDown: "nextElementSibling", ArrowUp: "previousElementSibling" }[event.key];
      if (step) {
        event.preventDefault();
        event.currentTarget[step]?.focus();
      } else if (event.key === "Enter" && props.opens) {
        event.preventDefault();
        emit("open", row);
      } else if (event.key === " " && props.selected) {
        event.preventDefault();
        pick(props.rowKey(row), !props.selected.has(props.rowKey(row)));
      }
    }
    function rowNode(row) {
      const key = props.rowKey(row);
      const chosen = props.selected?.has(key) ?? false;
      return html`<tr key=${key} role="row" data-key=${key} tabindex=${props.opens || props.selected ? 0 : null} class=${[{ opens: props.opens }, props.rowClass(row)]}
          aria-selected=${key === props.opened || chosen ? "true" : null} onClick=${(event) => clicked(event, row)} onKeydown=${(event) => pressed(event, row)}>
        ${props.selected ? html`<td role="cell" class="pick"><input type="checkbox" aria-label=${t("table.select")} checked=${chosen}
          onChange=${({ target }) => pick(key, target.checked)} /></td>` : null}
        ${shown.value.map((column) => cell(column, column.cell(row)))}</tr>`;
    }
    function totalRow(total) {
      const first = shown.value.findIndex(({ id }) => id in total.values);
      const span = (first < 0 ? shown.value.length : Math.max(first, 1)) + (props.selected ? 1 : 0);
      const rest = first < 0 ? [] : shown.value.slice(Math.max(first, 1));
      return html`<tr key=${total.label} role="row"><td role="cell" class="label" colspan=${span} title=${total.note ?? null}>${total.label}</td>
        ${rest.map((column) => cell(column, total.values[column.id]))}</tr>`;
    }
    const skeleton = () => Array.from({ length: SKELETON_ROWS }, (_, at) => html`<tr key=${`s${at}`} class="skeleton" role="row" aria-hidden="true">
      ${shown.value.map((column) => html`<td key=${column.id} role="cell"><i /></td>`)}</tr>`);
    function chooser() {
      if (!props.name || props.columns.every((column) => column.always)) return null;
      return html`<div class="chooser"><${Menu} label=${t("table.columns")} icon="columns" end tiny>${() => html`<div class="checks">${props.columns.filter((column) => !column.always).map((column) => html`
        <label class="check" key=${column.id}><input type="checkbox" checked=${isShown(column)} onChange=${() => toggle(column)} /><span>${column.label}</span></label>`)}</div>`}</${Menu}></div>`;
    }
    return () => {
      const none = rows.value.length === 0;
      const waiting = props.busy && none;
      return html`<div class="table-box" ref=${box} aria-busy=${props.busy}>
        ${slots.tools ? html`<div class="table-tools">${slots.tools()}</div>` : null}
        ${none ? null : chooser()}
        ${none && !waiting ? null : html`<table class="table" role="table" aria-label=${props.caption}>
          <thead role="rowgroup"><tr role="row">${pickHead()}${shown.value.map(head)}</tr></thead>
          <tbody role="rowgroup">${waiting ? skeleton() : rows.value.map(rowNode)}</tbody>
          ${props.totals.length && !none ? html`<tfoot role="rowgroup">${props.totals.map(totalRow)}</tfoot>` : null}
        </table>`}
        <${Failure} error=${props.error} retry=${props.retry} />
        ${none && !props.busy && !props.error ? slots.empty?.() ?? html`<p class="quiet none">${t("table.none")}</p>` : null}
        ${props.more ? html`<p class="more" ref=${edge}>${props.error ? null : t("table.loading")}</p>` : null}
      </div>`;
    };
  },
};
