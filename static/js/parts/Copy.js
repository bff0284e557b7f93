// A button that copies a text, or what a function gives, and says that it did.
import { onBeforeUnmount, ref } from "vue";
import { copyText } from "../core/copy.js";
import { t } from "../core/i18n.js";
import { html } from "../html.js";
import { Icon } from "./Icon.js";

const SHOWN_MS = 1600;

/** `words` shows the label beside the icon. */
export const Copy = {
  name: "Copy",
  props: { text: { type: [String, Function], required: true }, label: { type: String, default: "" }, words: Boolean },
  setup(props) {
    const said = ref("");
    let timer = 0;
    onBeforeUnmount(() => clearTimeout(timer));
    async function act(event) {
      event.stopPropagation();
      try {
        await copyText(String(typeof props.text === "function" ? await props.text() : props.text));
        said.value = "copied";
      } catch {
        said.value = "copy.failed";
      }
      clearTimeout(timer);
      timer = setTimeout(() => { said.value = ""; }, SHOWN_MS);
    }
    return () => {
      const name = said.value ? t(said.value) : props.label || t("copy");
      const glyph = { copied: "check", "copy.failed": "alert" }[said.value] ?? "copy";
      const kind = props.words ? "button tiny" : "button bare icon-only tiny";
      return html`<button type="button" class=${kind} title=${props.words ? null : name} aria-label=${name} onClick=${act}>
        <${Icon} name=${glyph} />${props.words ? name : null}</button>`;
    };
  },
};
