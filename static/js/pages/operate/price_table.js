// The book as a table: every model with its rates, edited in place into the draft.
import { computed, ref, watch } from "vue";
import { useRoute, useRouter } from "vue-router";
import { t } from "../../core/i18n.js";
import { useLoad } from "../../core/load.js";
import { call, isRoot } from "../../core/session.js";
import { html } from "../../html.js";
import { DataTable } from "../../parts/DataTable.js";
import { Segments } from "../../parts/Field.js";
import { Empty } from "../../parts/Page.js";
import { CLASSES, isRate, MAIN, standsIn } from "./price_classes.js";
import { draft, isChanged, rowOf, setFields } from "./price_draft.js";
import { className, rate } from "./price_parts.js";

const PAGE = 100;
const SHOWS = ["offered", "all", "own", "list", "draft"];

/** A row is the operator's own when it does not say where it comes from. */
const isOwn = (row) => row && !row.source;

function chosen(book, list, show, text) {
  const names = new Set([...book.byModel.keys(), ...(book.version === book.inForce ? draft.rows.keys() : [])]);
  const wanted = text.trim().toLowerCase();
  const fits = {
    all: () => true, offered: (model) => book.offeredNames.has(model) || book.offeredNames.has(model.replace(/\(\d+\)$/, "")),
    own: (model) => isOwn(rowOf(book, model)), list: (model) => list?.has(model) ?? false, draft: (model) => isChanged(book, model),
  }[show];
  return [...names].filter((model) => fits(model) && (!wanted || model.toLowerCase().includes(wanted) || (rowOf(book, model)?.source ?? "").toLowerCase().includes(wanted)))
    .sort((one, other) => one.localeCompare(other));
}

function rateShown(book, model, name) {
  const [now, was] = [rowOf(book, model), book.byModel.get(model)];
  const value = now?.[name];
  const changed = isChanged(book, model) && was && value !== was[name];
  if (value === undefined) {
    const other = now ? standsIn(now, name) : undefined;
    return other === undefined || !MAIN.includes(name) ? null : html`<span title=${t("prices.standsin")}>${rate(other, "quiet")}</span>`;
  }
  return changed ? html`<span class="changed">${was[name] === undefined ? null : html`<del>${was[name]}</del> `}${rate(value, "new")}</span>` : rate(value);
}

function rateInput(book, model, name) {
  const row = rowOf(book, model);
  if (row === null) return null;
  const value = row[name] ?? "";
  return html`<input class="input rate-input" inputmode="decimal" autocomplete="off" aria-label=${t("prices.rateof", { name: className(name), model })} value=${value}
    placeholder=${standsIn(row, name) ?? ""} aria-invalid=${value !== "" && !isRate(value) ? "true" : null} data-changed=${isChanged(book, model) && value !== (book.byModel.get(model)?.[name] ?? "") ? "" : null}
    onChange=${({ target }) => setFields(book, model, { [name]: target.value })} />`;
}

function mark(book, list, model) {
  if (isChanged(book, model)) return t(`prices.mark.${rowOf(book, model) === null ? "gone" : book.byModel.has(model) ? "changed" : "new"}`);
  return list?.has(model) ? t(`prices.mark.${list.get(model)}`) : "";
}

/** Models whose price is not the list price: "kept" where somebody set it so, "proposed" where the list has changed. */
async function unlikeList(signal) {
  const { data } = await call.get("/api/ledger/prices/proposals", {}, { signal });
  return new Map([...data.kept.map((model) => [model, "kept"]), ...data.changed.map(({ model }) => [model, "proposed"])]);
}

function columnsOf(book, list, editing, look) {
  const cells = editing ? rateInput : rateShown;
  const rates = CLASSES.map((name) => ({
    id: name, label: className(name), number: true, hidden: !MAIN.includes(name), cell: (model) => cells(book, model, name),
  }));
  const others = (model) => {
    const row = rowOf(book, model) ?? {};
    const rest = CLASSES.filter((name) => !MAIN.includes(name) && row[name] !== undefined).map((name) => `${className(name)} ${row[name]}`);
    return [row.tiers ? t("prices.tiercount", { count: row.tiers.length }) : "", row.variants ? t("prices.variantcount", { count: row.variants.length }) : "", ...rest].filter(Boolean).join(t("comma"));
  };
  return [
    { id: "model", label: t("column.model"), class: "model two", always: true, cell: (model) => html`<a href=${look(model)} class=${{ gone: rowOf(book, model) === null }}>${model}</a>` },
    { id: "mark", label: t("column.status"), always: true, cell: (model) => (mark(book, list, model) ? html`<span class=${["tag", { draft: isChanged(book, model) }]}>${mark(book, list, model)}</span>` : null) },
    ...rates,
    { id: "others", label: t("prices.others"), class: "clip", cell: others },
    { id: "source", label: t("prices.source"), class: "wide two source", cell: (model) => rowOf(book, model)?.source ?? (rowOf(book, model) ? t("prices.own") : "") },
    { id: "since", label: t("prices.since"), number: true, cell: (model) => (book.since[model] ? t("prices.v", { number: book.since[model] }) : null) },
  ];
}

export const PriceTable = {
  name: "PriceTable",
  props: { book: { type: Object, required: true }, filter: { type: Object, required: true }, set: { type: Function, required: true } },
  emits: ["add"],
  setup(props, { emit }) {
    const route = useRoute();
    const router = useRouter();
    const shown = ref(PAGE);
    const past = computed(() => props.book.version !== props.book.inForce);
    const show = computed(() => (SHOWS.includes(props.filter.show) ? props.filter.show : props.book.offered.length ? "offered" : "all"));
    // The comparison takes the server a while: it is asked for when somebody wants it.
    const list = useLoad(unlikeList);
    watch(show, (now) => { if (now === "list" && !list.data.value) list.run(); }, { immediate: true });
    const rows = computed(() => chosen(props.book, list.data.value, show.value, props.filter.q));
    watch(() => [show.value, props.filter.q], () => { shown.value = PAGE; });
    const editing = () => isRoot.value && !past.value && props.filter.edit === "1";
    const look = (model) => router.resolve({ query: { ...route.query, model } }).href;
    const segments = () => SHOWS.map((value) => ({ value, label: t(`prices.show.${value}`) }));
    const empty = () => html`<${Empty} title=${t("prices.none")} text=${t(`prices.none.${props.filter.q ? "search" : show.value}`)}>
      ${props.filter.q || show.value !== "all" ? html`<button type="button" class="button" onClick=${() => props.set({ q: "", show: "all" })}>${t("prices.showall")}</button>` : null}
      ${isRoot.value ? html`<button type="button" class="button" onClick=${() => emit("add")}>${t("prices.add")}</button>` : null}</${Empty}>`;
    return () => html`
      <div class="bar" role="search">
        <input class="input search" type="search" aria-label=${t("prices.search")} placeholder=${t("prices.search")} value=${props.filter.q} onInput=${({ target }) => props.set({ q: target.value })} />
        <${Segments} label=${t("prices.show")} options=${segments()} modelValue=${show.value} onUpdate:modelValue=${(value) => props.set({ show: value })} />
        <span class="quiet end">${t("prices.models", { count: rows.value.length })}</span>
      </div>
      <p class="quiet small">${t(editing() ? "prices.units.edit" : "prices.units")}</p>
      <${DataTable} name="prices" caption=${t("nav.prices")} columns=${columnsOf(props.book, list.data.value, editing(), look)} rows=${rows.value.slice(0, shown.value)} rowKey=${(model) => model} busy=${list.busy.value} error=${list.error.value} retry=${list.run}
        opens opened=${props.filter.model || null} onOpen=${(model) => router.push({ query: { ...route.query, model } })}
        more=${rows.value.length > shown.value} onMore=${() => { shown.value += PAGE; }}>${{ empty }}</${DataTable}>`;
  },
};
