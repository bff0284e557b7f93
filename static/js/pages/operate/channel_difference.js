// What an upstream lists beside what a channel serves: what is new there, what is gone; a person chooses.
import { computed, reactive } from "vue";
import { t } from "../../core/i18n.js";
import { html } from "../../html.js";

/** `found` is {new, gone, count}. Emits "apply" with {add, remove}; the button says `go`. */
export const Difference = {
  name: "Difference",
  props: { found: { type: Object, required: true }, go: { type: String, required: true }, busy: Boolean },
  emits: ["apply"],
  setup(props, { emit }) {
    const chosen = reactive({ new: new Set(), gone: new Set() });
    const size = computed(() => chosen.new.size + chosen.gone.size);
    const turn = (side, name, on) => (on ? chosen[side].add(name) : chosen[side].delete(name));
    const all = (side, names) => { chosen[side] = new Set(chosen[side].size === names.length ? [] : names); };
    const apply = () => size.value && emit("apply", { add: [...chosen.new], remove: [...chosen.gone] });
    function list(side) {
      const names = props.found[side];
      if (!names.length) return null;
      return html`<fieldset key=${side} class="difference"><legend class="spread"><span>${t(`channel.diff.${side}`, { count: names.length })}</span>
        <button type="button" class="button bare tiny" onClick=${() => all(side, names)}>${t(chosen[side].size === names.length ? "channel.diff.nothing" : "channel.diff.all")}</button></legend>
        <div class="names">${names.map((name) => html`<label class="check" key=${name}><input type="checkbox" checked=${chosen[side].has(name)}
          onChange=${({ target }) => turn(side, name, target.checked)} /><span class="mono">${name}</span></label>`)}</div></fieldset>`;
    }
    return () => {
      const same = !props.found.new.length && !props.found.gone.length;
      if (same) return html`<p role="status">${t("channel.diff.same", { count: props.found.count })}</p>`;
      return html`<div class="stack" role="status"><p class="small quiet">${t("channel.diff.count", { count: props.found.count })}</p>${list("new")}${list("gone")}
        <div class="row"><button type="button" class="button" aria-disabled=${!size.value || props.busy ? "true" : null} onClick=${apply}>${props.go}</button></div></div>`;
    };
  },
};
