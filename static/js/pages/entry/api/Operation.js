// One operation of the API: its line, and opened what it takes, how it is asked, what it answers.
import { t } from "../../../core/i18n.js";
import { address } from "../../../core/session.js";
import { html } from "../../../html.js";
import { Copy } from "../../../parts/Copy.js";
import { answersOf, curl, fieldsOf } from "./document.js";

/** Text with `code` in it. */
export const spoken = (text) => text.split("`").map((piece, at) => (at % 2 ? html`<code>${piece}</code>` : piece));

function fieldsTable(operation) {
  const fields = fieldsOf(operation);
  if (!fields.length) return null;
  return html`<div class="scroll api-fields" tabindex="0" role="region" aria-label=${t("api.fields")}><table>
    <thead><tr><th scope="col">${t("api.field")}</th><th scope="col">${t("api.where")}</th><th scope="col">${t("api.kind")}</th></tr></thead>
    <tbody>${fields.map((field) => html`<tr key=${`${field.where} ${field.name}`}>
      <td><code>${field.name}</code>${field.required ? html` <span class="required">${t("api.required")}</span>` : null}</td>
      <td>${t(`api.in.${field.where}`)}</td><td lang="en">${field.kind}${field.note ? html`<div class="small quiet">${spoken(field.note)}</div>` : null}</td></tr>`)}</tbody></table></div>`;
}

function opened(operation) {
  const [about, ...rest] = operation.description.split("\n\n");
  const { files, refusals } = answersOf(operation);
  const command = curl(operation, address());
  return html`<div class="api-body">
    <div lang="en"><p>${spoken(about)}</p><p class="small quiet">${spoken(rest.join(" "))}</p></div>
    ${fieldsTable(operation)}
    <div class="snippet"><pre tabindex="0">${command}</pre><${Copy} text=${command} words /></div>
    <p class="small quiet">${files.length ? `${t("api.files", { types: files.join(t("comma")) })} ` : ""}${t("api.refusals", { statuses: refusals.join(t("comma")) })}</p>
  </div>`;
}

export const Operation = {
  name: "Operation",
  props: { operation: { type: Object, required: true }, open: Boolean },
  emits: ["turn"],
  setup: (props, { emit }) => () => {
    const { id, method, path, summary } = props.operation;
    return html`<details class="api-operation" id=${id} open=${props.open} onToggle=${({ target }) => target.open !== props.open && emit("turn", target.open)}>
      <summary><code class="method" data-method=${method}>${method.toUpperCase()}</code><code class="path">${path}</code><span class="says" lang="en">${spoken(summary)}</span></summary>
      ${props.open ? opened(props.operation) : null}
    </details>`;
  },
};
