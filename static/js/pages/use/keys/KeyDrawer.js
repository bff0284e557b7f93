// One key: its secret on demand, what it may do, how it is used, and what can be done with it.
import { ref } from "vue";
import { RouterLink } from "vue-router";
import { t } from "../../../core/i18n.js";
import { nanoOf } from "../../../core/money.js";
import { fullKey } from "../../../core/snippets.js";
import { html } from "../../../html.js";
import { Copy } from "../../../parts/Copy.js";
import { Drawer } from "../../../parts/Dialog.js";
import { Notice } from "../../../parts/Failure.js";
import { Money } from "../../../parts/Money.js";
import { Facts } from "../../../parts/Page.js";
import { Secret } from "../../../parts/Snippet.js";
import { Time } from "../../../parts/Time.js";
import { budgets, expires, left, models, networks, rates, statusWord, used } from "./parts.js";
import { UseKey } from "./UseKey.js";

const facts = (key) => [
  [t("column.status"), statusWord(key)],
  [t("keys.left"), left(key)],
  [t("keys.spent"), html`<${Money} nano=${nanoOf(key, "used")} />`],
  [t("keys.budgets"), budgets(key)],
  [t("keys.expires"), expires(key)],
  [t("keys.models"), models(key)],
  [t("keys.networks"), networks(key)],
  [t("keys.rates"), rates(key)],
  [t("column.group"), key.group],
  [t("column.created"), html`<${Time} at=${key.created_time} />`],
  [t("keys.used"), used(key)],
];

/** `made` says that it is new. Emits close, edit, rotate, delete. */
export const KeyDrawer = {
  name: "KeyDrawer",
  props: { of: { type: Object, required: true }, made: Boolean },
  emits: ["close", "edit", "rotate", "delete"],
  setup(props, { emit }) {
    const open = ref(false);
    const button = (what, label, kind = "") => html`<button type="button" class=${["button", kind]} onClick=${() => emit(what)}>${label}</button>`;
    return () => {
      const key = fullKey(props.of.key);
      return html`<${Drawer} wide title=${props.of.name} onClose=${() => emit("close")}>
        ${props.made ? html`<${Notice} kind="good">${t("keys.made")}</${Notice}>` : null}
        <section><div class="row wrap secret-row">${open.value ? html`<code class="whole">${key}</code>` : html`<${Secret} text=${key} />`}
          <${Copy} text=${key} label=${t("keys.copy", { name: props.of.name })} />
          <button type="button" class="button tiny" aria-pressed=${open.value ? "true" : "false"} onClick=${() => { open.value = !open.value; }}>${t(open.value ? "keys.hide" : "keys.show")}</button></div></section>
        <section><h3>${t("use.title")}</h3><${UseKey} of=${props.of} /></section>
        <section><h3>${t("keys.facts")}</h3><${Facts} pairs=${facts(props.of)} /></section>
        <section><div class="row wrap">${button("edit", t("edit"))}${button("rotate", t("keys.rotate.open"))}
          <${RouterLink} class="button" to=${{ path: "/log", query: { key: props.of.name, range: "30d" } }}>${t("keys.log")}</${RouterLink}>
          ${button("delete", t("keys.delete.open"))}</div></section>
      </${Drawer}>`;
    };
  },
};
