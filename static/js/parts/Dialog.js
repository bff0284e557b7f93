// Layers over the page: a dialog in the middle, a drawer at the side. The browser's own element keeps the focus inside and hears Escape.
import { onBeforeUnmount, onMounted, provide, ref, useId } from "vue";
import { t } from "../core/i18n.js";
import { html } from "../html.js";
import { Icon } from "./Icon.js";

/** Told to what is inside a layer, whose own popups must stay inside it too. */
export const IN_LAYER = Symbol("inside a layer");

function useLayer(emit) {
  provide(IN_LAYER, true);
  const node = ref(null);
  const before = document.activeElement;
  onMounted(() => node.value.showModal());
  // Closed first: what is behind an open layer takes no focus. Where it was is told once more: the control may have been drawn anew meanwhile.
  onBeforeUnmount(() => {
    node.value?.close();
    if (before?.isConnected) before.focus({ preventScroll: true });
  });
  const aside = (event) => { if (event.target === node.value) emit("close"); };
  const cancelled = (event) => { if (event.target === node.value) { event.preventDefault(); emit("close"); } };
  return { node, aside, cancelled };
}

const closing = (emit) => html`<button type="button" class="button bare icon-only" aria-label=${t("close")} title=${t("close")}
  onClick=${() => emit("close")}><${Icon} name="close" /></button>`;

/** Mounted means open: <${Dialog} title=… onClose=…>. Slots: default, foot. `wide` is for tables and forms of two columns. */
export const Dialog = {
  name: "Dialog",
  props: { title: { type: String, required: true }, wide: Boolean },
  emits: ["close"],
  setup(props, { emit, slots }) {
    const { node, cancelled } = useLayer(emit);
    const id = useId();
    return () => html`<dialog ref=${node} class=${["small-dialog", { wide: props.wide }]} aria-labelledby=${id} onCancel=${cancelled}>
      <div class="dialog-head"><h2 id=${id}>${props.title}</h2>${closing(emit)}</div>
      <div class="stack">${slots.default?.()}</div>
      ${slots.foot ? html`<div class="row end dialog-foot">${slots.foot()}</div>` : null}
    </dialog>`;
  },
};

/** A side sheet. Slots: default, tools (beside the title). A click beside it closes it. */
export const Drawer = {
  name: "Drawer",
  props: { title: { type: String, required: true }, wide: Boolean },
  emits: ["close"],
  setup(props, { emit, slots }) {
    const { node, aside, cancelled } = useLayer(emit);
    const id = useId();
    return () => html`<dialog ref=${node} class=${["drawer", { wide: props.wide }]} aria-labelledby=${id} onCancel=${cancelled} onClick=${aside}>
      <div class="drawer-head"><h2 id=${id}>${props.title}</h2>${slots.tools?.()}${closing(emit)}</div>
      <div class="drawer-body" tabindex="0">${slots.default?.()}</div>
    </dialog>`;
  },
};
