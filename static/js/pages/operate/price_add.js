// A price for a model that has none: typed, or that of another model.
import { reactive, useId } from "vue";
import { t } from "../../core/i18n.js";
import { bind, html } from "../../html.js";
import { Ask } from "../../parts/Ask.js";
import { Field } from "../../parts/Field.js";
import { canonical, isRate } from "./price_classes.js";
import { putRow, rowOf } from "./price_draft.js";

export const PriceAdd = {
  name: "PriceAdd",
  props: { book: { type: Object, required: true }, model: { type: String, default: "" } },
  emits: ["close", "added"],
  setup(props, { emit }) {
    const form = reactive({ model: props.model, like: "", input: "", output: "" });
    const wrong = reactive({ model: "", like: "", input: "", output: "" });
    const decimal = (text) => (isRate(text.trim()) ? "" : t("prices.norate"));
    function act() {
      const name = form.model.trim();
      wrong.model = !name ? t("prices.needsname") : rowOf(props.book, name) ? t("prices.has") : "";
      wrong.like = form.like && !rowOf(props.book, form.like) ? t("prices.unlike") : "";
      wrong.input = form.like ? "" : decimal(form.input);
      wrong.output = form.like || !form.output.trim() ? "" : decimal(form.output);
      if (Object.values(wrong).some(Boolean)) return false;
      const { source, ...like } = form.like ? rowOf(props.book, form.like) : { input: canonical(form.input), output: canonical(form.output || form.input) };
      putRow(props.book, name, { ...like, model: name });
      emit("added", name);
      return true;
    }
    const list = useId();
    // The browser's own list: thousands of models are more than a drawn one is quick with.
    const others = () => html`<datalist id=${list}>${[...props.book.byModel.keys()].map((model) => html`<option key=${model} value=${model} />`)}</datalist>`;
    const rate = (name) => html`<${Field} label=${t(`rate.${name}`)} hint=${t("prices.unit.tokens")} error=${wrong[name]}>${(given) => html`<input ...${given} inputmode="decimal" autocomplete="off" ...${bind(form, name)} />`}</${Field}>`;
    return () => html`<${Ask} title=${t("prices.add")} go=${t("prices.todraft")} act=${act} onClose=${() => emit("close")}>
      <${Field} label=${t("column.model")} hint=${t("prices.add.hint")} error=${wrong.model}>${(given) => html`<input ...${given} name="model" autocomplete="off" spellcheck="false" ...${bind(form, "model")} />`}</${Field}>
      <${Field} label=${t("prices.like")} hint=${t("optional")} error=${wrong.like}>${(given) => html`<input ...${given} list=${list} autocomplete="off" spellcheck="false" ...${bind(form, "like", { trim: true })} />`}</${Field}>
      ${others()}${form.like ? null : html`<div class="fields">${rate("input")}${rate("output")}</div>`}
      <p class="hint">${t("prices.add.more")}</p>
    </${Ask}>`;
  },
};
