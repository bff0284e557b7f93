// An account as the books name it, with the name of whose it is; a way to its events.
import { RouterLink } from "vue-router";
import { nameOf } from "../../../core/names.js";
import { html } from "../../../html.js";

export const Account = {
  name: "Account",
  props: { of: { type: String, default: "" }, plain: Boolean },
  setup: (props) => () => {
    if (!props.of) return null;
    const name = nameOf(props.of);
    const id = html`<span class=${["mono", { quiet: name }]}>${props.of}</span>`;
    const shown = html`<span class="whose" title=${props.of}>${name ? html`<span>${name}</span> ` : null}${id}</span>`;
    return props.plain ? shown : html`<${RouterLink} class="plain-link" to=${{ path: "/ledger", query: { account: props.of, range: "all" } }}>${shown}</${RouterLink}>`;
  },
};
