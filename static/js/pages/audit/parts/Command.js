// A command line as it is typed, with a button that copies it.
import { t } from "../../../core/i18n.js";
import { html } from "../../../html.js";
import { Copy } from "../../../parts/Copy.js";

export const Command = {
  name: "Command",
  props: { line: { type: String, required: true } },
  setup: (props) => () => html`<div class="snippet line"><pre tabindex="0">${props.line}</pre><${Copy} text=${props.line} label=${t("copy")} /></div>`,
};
