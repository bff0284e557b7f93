// What was before and what is after, field by field. Secrets were masked before they were recorded.
import { t } from "../../../core/i18n.js";
import { html } from "../../../html.js";

const FEW = 3;

/** A value as text; texts that hold JSON are laid out. */
function written(value) {
  if (value === null || value === undefined || value === "") return null;
  if (typeof value !== "string" || !/^[[{]/.test(value)) return String(value);
  try {
    return JSON.stringify(JSON.parse(value), null, 2);
  } catch {
    return value;
  }
}

const names = ({ before, after }) => [...new Set([...Object.keys(before ?? {}), ...Object.keys(after ?? {})])];

/** One line: the fields with what they became. */
export function summary(body) {
  const all = names(body);
  const said = all.slice(0, FEW).map((name) => {
    const value = (body.after ?? body.before)?.[name];
    const text = value === null || value === undefined ? "" : String(value);
    return text ? `${name}: ${text.length > 40 ? `${text.slice(0, 40)}…` : text}` : name;
  });
  return [...said, ...(all.length > FEW ? [t("changes.moreFields", { count: all.length - FEW })] : [])].join(", ");
}

const side = (value) => (value === null ? html`<span class="quiet">–</span>` : html`<span class="value">${value}</span>`);

export const Difference = {
  name: "Difference",
  props: { body: { type: Object, required: true } },
  setup: (props) => () => {
    const { before, after } = props.body;
    const all = names(props.body);
    if (!all.length) return html`<p class="quiet">${t("changes.noFields")}</p>`;
    const columns = [before ? "before" : "", after ? "after" : ""].filter(Boolean);
    return html`<table class="difference"><thead><tr><th scope="col">${t("changes.field")}</th>${columns.map((name) => html`<th key=${name} scope="col">${t(`changes.${name}`)}</th>`)}</tr></thead>
      <tbody>${all.map((name) => html`<tr key=${name}><th scope="row" class="mono">${name}</th>
        ${columns.map((part) => html`<td key=${part} class=${part}>${side(written(props.body[part][name]))}</td>`)}</tr>`)}</tbody></table>`;
  },
};
