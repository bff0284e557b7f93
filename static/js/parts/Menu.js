// A button that opens a small panel below it: choices, links or checkboxes. Escape and a click elsewhere close it.
import { nextTick, onBeforeUnmount, ref, useId } from "vue";
import { html } from "../html.js";
import { Icon } from "./Icon.js";

/** Slots: default (gets `close`), face (what the button shows). `label` names it; `end` aligns the panel to the right; where there is no room, it is the other way round. */
export const Menu = {
  name: "Menu",
  props: { label: { type: String, required: true }, icon: { type: String, default: "" }, words: Boolean, end: Boolean, tiny: Boolean },
  setup(props, { slots }) {
    const open = ref(false);
    const root = ref(null);
    const atEnd = ref(props.end);
    const id = useId();
    const elsewhere = (event) => { if (!root.value?.contains(event.target)) close(); };
    function close() {
      open.value = false;
      document.removeEventListener("pointerdown", elsewhere);
    }
    async function toggle() {
      if (open.value) return close();
      open.value = true;
      document.addEventListener("pointerdown", elsewhere);
      atEnd.value = props.end;
      await nextTick();
      const { left, right } = root.value.querySelector(".panel").getBoundingClientRect();
      if (left < 0 || right > innerWidth) atEnd.value = !props.end;
      root.value?.querySelector(".panel :is(a, button, input, select, [tabindex])")?.focus();
    }
    function keys(event) {
      if (event.key === "Escape" && open.value) {
        event.stopPropagation();
        event.preventDefault();
        close();
        root.value.querySelector("button").focus();
      }
      const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
      if (!step || !open.value || event.target.matches("input:not([type=checkbox]), select, textarea")) return;
      event.preventDefault();
      const all = [...root.value.querySelectorAll(".panel :is(a, button, input)")];
      all[(all.indexOf(document.activeElement) + step + all.length) % all.length]?.focus();
    }
    onBeforeUnmount(close);
    const kind = () => ["button", { bare: !props.words, "icon-only": !props.words && !slots.face, tiny: props.tiny }];
    return () => html`<div class="menu" ref=${root} onKeydown=${keys}>
      <button type="button" class=${kind()} aria-label=${props.label} title=${props.words ? null : props.label} aria-expanded=${open.value} aria-controls=${id} onClick=${toggle}>
        ${slots.face ? slots.face() : [props.icon ? html`<${Icon} name=${props.icon} />` : null, props.words ? props.label : null]}
        ${props.words ? html`<${Icon} name="down" />` : null}</button>
      <div class=${["panel", { end: atEnd.value }]} id=${id} hidden=${!open.value}>${open.value ? slots.default?.(close) : null}</div>
    </div>`;
  },
};
