// How two tables of prices differ, line by line.
import { number, t } from "../../core/i18n.js";
import { html } from "../../html.js";
import { DataTable } from "../../parts/DataTable.js";
import { pricedIn } from "./price_classes.js";
import { after, before, className, share } from "./price_parts.js";

const MOST = 200;

function lines({ added, removed, changed, groups }) {
  const whole = (row, kind) => pricedIn(row).map((field) => ({
    subject: row.model, field: className(field), kind, before: kind === "removed" ? row[field] : null, after: kind === "added" ? row[field] : null,
  }));
  return [
    ...groups.map((one) => ({ subject: one.group, field: t("prices.ratio"), kind: "group", before: one.before, after: one.after })),
    ...changed.flatMap(({ model, fields }) => fields.map((one) => ({ subject: model, field: className(one.field), kind: "changed", before: one.before, after: one.after }))),
    ...added.flatMap((row) => whole(row, "added")),
    ...removed.flatMap((row) => whole(row, "removed")),
  ];
}

const columns = () => [
  { id: "subject", label: t("prices.subject"), class: "wide two", always: true, cell: (line) => line.subject },
  { id: "kind", label: t("prices.change"), always: true, cell: (line) => t(`prices.kind.${line.kind}`) },
  { id: "field", label: t("prices.field"), always: true, cell: (line) => line.field },
  { id: "before", label: t("prices.before"), number: true, class: "clip", always: true, cell: (line) => before(line.before) },
  { id: "after", label: t("prices.after"), number: true, class: "clip", always: true, cell: (line) => after(line.after) },
  { id: "share", label: t("prices.share"), number: true, always: true, cell: (line) => share(line.before, line.after) },
];

/** `diff` as the API tells it: {added, removed, changed, groups}. */
export const PriceDiff = {
  name: "PriceDiff",
  props: { diff: { type: Object, required: true }, caption: { type: String, required: true } },
  setup: (props) => () => {
    const all = lines(props.diff);
    if (!all.length) return html`<p class="quiet">${t("prices.nodiff")}</p>`;
    return html`<${DataTable} caption=${props.caption} columns=${columns()} rows=${all.slice(0, MOST)} rowKey=${(line) => `${line.kind} ${line.subject} ${line.field}`} />
      ${all.length > MOST ? html`<p class="quiet small">${t("prices.andmore", { count: number(all.length - MOST) })}</p>` : null}`;
  },
};
