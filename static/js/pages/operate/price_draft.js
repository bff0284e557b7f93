// Changes to the price book that are not published: kept in this browser until they are, or are thrown away.
import { computed, reactive } from "vue";
import { recall, remember } from "../../core/prefs.js";
import { canonical, changes, isRate, pricedIn, samePrices } from "./price_classes.js";

const NAME = "priceDraft";
const kept = recall(NAME, {});

/** `base` is the version that the draft was begun on; `rows` holds a row, or null for a price taken away; `groups` a ratio, or null. */
export const draft = reactive({ base: kept.base ?? 0, rows: new Map(kept.rows ?? []), groups: new Map(kept.groups ?? []), note: kept.note ?? "" });

export const count = computed(() => draft.rows.size + draft.groups.size);

function keep() {
  if (count.value === 0) draft.base = 0;
  remember({ [NAME]: { base: draft.base, rows: [...draft.rows], groups: [...draft.groups], note: draft.note } });
}

function begin(book) {
  if (count.value === 0) draft.base = book.version;
}

/** The draft stands on the table in force; a book of another version is shown as it was. */
export const isChanged = (book, model) => book.version === book.inForce && draft.rows.has(model);
export const rowOf = (book, model) => (isChanged(book, model) ? draft.rows.get(model) : book.byModel.get(model) ?? null);

/** Puts a row into the draft, null for no price any more; one that the book has so already leaves it. */
export function putRow(book, model, row) {
  begin(book);
  const now = book.byModel.get(model);
  const same = row === null ? !now : samePrices(row, now);
  if (same) draft.rows.delete(model);
  else draft.rows.set(model, row);
  keep();
}

/** Changes fields of a row; "" and null take a field away. A row that somebody edits is nobody else's: its source goes. */
export function setFields(book, model, fields) {
  const { source, ...row } = rowOf(book, model) ?? { model };
  for (const [name, value] of Object.entries(fields)) {
    if (value === "" || value === null) delete row[name];
    else row[name] = typeof value === "string" ? canonical(value) : value;
  }
  putRow(book, model, row);
}

export function undo(model) {
  draft.rows.delete(model);
  keep();
}

export function setGroup(book, name, ratio) {
  begin(book);
  const text = ratio === null ? null : canonical(ratio);
  if (text === (book.groups[name] ?? null)) draft.groups.delete(name);
  else draft.groups.set(name, text);
  keep();
}

export function setNote(text) {
  draft.note = text;
  keep();
}

export function throwAway() {
  draft.rows.clear();
  draft.groups.clear();
  draft.note = "";
  keep();
}

const wrongRow = ([model, row]) => {
  if (row === null) return [];
  const wrong = pricedIn(row).filter((name) => !isRate(row[name])).map((name) => ({ model, name }));
  const empty = pricedIn(row).length === 0 ? [{ model, name: "" }] : [];
  return [...wrong, ...empty];
};

/** What cannot be published as it stands: [{model, name}] or [{group}]. */
export const faults = computed(() => [
  ...[...draft.rows].flatMap(wrongRow),
  ...[...draft.groups].filter(([, ratio]) => ratio !== null && !isRate(ratio)).map(([group]) => ({ group })),
]);

/** The draft as the API takes it, for publishing and for trying it. */
export function edits() {
  const rows = [...draft.rows];
  const groups = [...draft.groups];
  return {
    set: rows.filter(([, row]) => row).map(([, row]) => row),
    unset: rows.filter(([, row]) => !row).map(([model]) => model),
    groups: Object.fromEntries(groups.filter(([, ratio]) => ratio !== null)),
    unset_groups: groups.filter(([, ratio]) => ratio === null).map(([name]) => name),
  };
}

/** What the draft changes of a book, as the API tells the difference of two versions. */
export function difference(book) {
  const rows = [...draft.rows].sort(([one], [other]) => one.localeCompare(other));
  const was = (model) => book.byModel.get(model);
  return {
    added: rows.filter(([model, row]) => row && !was(model)).map(([, row]) => row),
    removed: rows.filter(([model, row]) => !row && was(model)).map(([model]) => was(model)),
    changed: rows.filter(([model, row]) => row && was(model)).map(([model, row]) => ({ model, fields: changes(was(model), row) })),
    groups: [...draft.groups].map(([group, after]) => ({ group, before: book.groups[group] ?? null, after })),
  };
}
