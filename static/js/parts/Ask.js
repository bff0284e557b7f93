// A dialog in which something is asked before it is done. An error stays with the question; nothing typed is lost.
import { nextTick, ref } from "vue";
import { t } from "../core/i18n.js";
import { useAction } from "../core/load.js";
import { html } from "../html.js";
import { Dialog } from "./Dialog.js";
import { Failure } from "./Failure.js";

/**
 * `act` is a function (may be async) that does it and may return false to stay open (the form says what is missing itself, and the first field that is marked so gets the focus).
 * When it went well: "done" slot is shown if there is one, else the dialog closes ("close"). `ready` false keeps the button off.
 */
export const Ask = {
  name: "Ask",
  props: {
    title: { type: String, required: true }, go: { type: String, required: true }, act: { type: Function, required: true },
    ready: { type: Boolean, default: true }, danger: Boolean, wide: Boolean,
  },
  emits: ["close"],
  setup(props, { emit, slots }) {
    const finished = ref(false);
    const form = ref(null);
    const showFault = () => nextTick(() => form.value?.querySelector("[aria-invalid=true]")?.focus());
    const { busy, error, act } = useAction(async () => {
      if ((await props.act()) === false) return showFault();
      if (slots.done) finished.value = true;
      else emit("close");
    });
    const submit = (event) => { event.preventDefault(); if (props.ready) act(); };
    const close = () => emit("close");
    return () => html`<${Dialog} title=${props.title} wide=${props.wide} onClose=${close}>
      ${finished.value
        ? html`<div class="stack" aria-live="polite">${slots.done()}</div><div class="row end"><button type="button" class="button primary" onClick=${close}>${t("close")}</button></div>`
        : html`<form class="stack" ref=${form} novalidate onSubmit=${submit}>
            ${slots.default?.()}
            <${Failure} error=${error.value} />
            <div class="row end">
              <button type="button" class="button" onClick=${close}>${t("cancel")}</button>
              <button type="submit" class=${["button", props.danger ? "danger" : "primary"]} aria-disabled=${busy.value || !props.ready ? "true" : null}>${props.go}</button>
            </div>
          </form>`}
    </${Dialog}>`;
  },
};
