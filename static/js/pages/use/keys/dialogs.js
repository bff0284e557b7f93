// Smaller dialogs of keys: a new secret for one, the secrets of several that were just made.
import { ref } from "vue";
import { t } from "../../../core/i18n.js";
import { call } from "../../../core/session.js";
import { fullKey } from "../../../core/snippets.js";
import { html } from "../../../html.js";
import { Ask } from "../../../parts/Ask.js";
import { Copy } from "../../../parts/Copy.js";
import { Dialog } from "../../../parts/Dialog.js";
import { Field } from "../../../parts/Field.js";
import { Secret } from "../../../parts/Snippet.js";

/** For how many seconds the old secret goes on working. */
const GRACES = { now: 0, hour: 3600, day: 86_400, week: 7 * 86_400 };

export const RotateKey = {
  name: "RotateKey",
  props: { of: { type: Object, required: true } },
  emits: ["close", "done"],
  setup(props, { emit }) {
    const grace = ref("hour");
    async function act() {
      const { data } = await call.post(`/api/token/${props.of.id}/rotate`, { grace_s: GRACES[grace.value] });
      emit("done", data);
    }
    return () => html`<${Ask} title=${t("keys.rotate.title", { name: props.of.name })} go=${t("keys.rotate.go")} act=${act} danger=${grace.value === "now"} onClose=${() => emit("close")}>
      <p class="quiet">${t("keys.rotate.text")}</p>
      <${Field} label=${t("keys.rotate.grace")}>${(given) => html`<select class="input" ...${given} name="grace" value=${grace.value} onChange=${({ target }) => { grace.value = target.value; }}>
        ${Object.keys(GRACES).map((name) => html`<option key=${name} value=${name} selected=${name === grace.value}>${t(`keys.grace.${name}`)}</option>`)}</select>`}</${Field}></${Ask}>`;
  },
};

export const MadeKeys = {
  name: "MadeKeys",
  props: { keys: { type: Array, required: true } },
  emits: ["close"],
  setup(props, { emit }) {
    const all = () => props.keys.map((key) => `${key.name}\t${fullKey(key.key)}`).join("\n");
    return () => html`<${Dialog} title=${t("keys.madeMany", { count: props.keys.length })} onClose=${() => emit("close")}>
      <ul class="made-keys">${props.keys.map((key) => html`<li key=${key.id}><span>${key.name}</span><${Secret} text=${fullKey(key.key)} />
        <${Copy} text=${fullKey(key.key)} label=${t("keys.copy", { name: key.name })} /></li>`)}</ul>
      <div class="row end"><${Copy} text=${all} label=${t("keys.copyAll")} words /></div></${Dialog}>`;
  },
};
