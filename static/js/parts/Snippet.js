// Text to be copied into a program. A secret in it is masked for the eye; copying takes it whole.
import { t } from "../core/i18n.js";
import { html } from "../html.js";
import { Copy } from "./Copy.js";

/** "sk-ab12…wxyz". */
export const masked = (secret) => `${secret.slice(0, 7)}…${secret.slice(-4)}`;

export const Secret = {
  name: "Secret",
  props: { text: { type: String, required: true } },
  setup: (props) => () => html`<data class="exact mono secret" value=${props.text}>${masked(props.text)}</data>`,
};

/** `code` is the whole text; `secret` what in it is masked. `label` names the button. */
export const Snippet = {
  name: "Snippet",
  props: { code: { type: String, required: true }, secret: { type: String, default: "" }, label: { type: String, default: "" } },
  setup: (props) => () => {
    const parts = props.secret ? props.code.split(props.secret) : [props.code];
    const shown = parts.flatMap((part, at) => (at ? [html`<${Secret} text=${props.secret} />`, part] : [part]));
    return html`<div class="snippet"><pre tabindex="0">${shown}</pre><${Copy} text=${props.code} label=${props.label || t("copy")} words /></div>`;
  },
};
