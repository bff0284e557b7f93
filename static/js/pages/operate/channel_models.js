// The models of a channel: written, filled from the vendor's list, compared with what the upstream lists.
import { computed, ref, useId } from "vue";
import { t } from "../../core/i18n.js";
import { useAction } from "../../core/load.js";
import { call } from "../../core/session.js";
import { html } from "../../html.js";
import { Copy } from "../../parts/Copy.js";
import { Failure } from "../../parts/Failure.js";
import { Icon } from "../../parts/Icon.js";
import { Difference } from "./channel_difference.js";

const OFFERED = 60;
const parts = (text) => text.split(/[,\n\s]+/).map((name) => name.trim()).filter(Boolean);

/** `known`: all names that are offered while one types; `usual`: the vendor's own; `channel`: its id, 0 for a new one. */
export const Models = {
  name: "Models",
  props: {
    modelValue: { type: Array, required: true }, known: { type: Array, default: () => [] }, usual: { type: Array, default: () => [] },
    channel: { type: Number, default: 0 }, lists: Boolean, error: { type: String, default: "" },
  },
  emits: ["update:modelValue"],
  setup(props, { emit }) {
    const id = useId();
    const typed = ref("");
    const found = ref(null);
    const set = (models) => emit("update:modelValue", [...new Set(models)]);
    const lacking = computed(() => props.usual.filter((name) => !props.modelValue.includes(name)));
    const offered = computed(() => {
      const text = typed.value.trim().toLowerCase();
      if (!text) return [];
      return props.known.filter((name) => name.toLowerCase().includes(text) && !props.modelValue.includes(name)).slice(0, OFFERED);
    });
    function add() {
      if (!parts(typed.value).length) return;
      set([...props.modelValue, ...parts(typed.value)]);
      typed.value = "";
    }
    function pressed(event) {
      if (event.key === "Enter" || event.key === ",") { event.preventDefault(); add(); }
      if (event.key === "Backspace" && !typed.value && props.modelValue.length) set(props.modelValue.slice(0, -1));
    }
    // A name that was chosen from those offered is taken at once.
    const heard = ({ target, inputType }) => {
      typed.value = target.value;
      const chosen = inputType === undefined || inputType === "insertReplacementText";
      if (chosen && props.known.includes(target.value)) add();
    };
    const { busy, error, act: compare } = useAction(async () => { found.value = (await call.get(`/api/channel/${props.channel}/upstream_models`)).data; });
    const take = ({ add: more, remove }) => {
      set([...props.modelValue.filter((name) => !remove.includes(name)), ...more]);
      found.value = null;
    };
    const tools = () => html`<div class="row wrap">
      ${props.usual.length ? html`<button type="button" class="button tiny" disabled=${!lacking.value.length} onClick=${() => set([...props.modelValue, ...props.usual])}>${t("channel.models.fill", { count: props.usual.length })}</button>` : null}
      ${props.channel && props.lists ? html`<button type="button" class="button tiny" aria-disabled=${busy.value ? "true" : null} onClick=${() => compare()}>${busy.value ? t("channel.models.asking") : t("channel.models.compare")}</button>` : null}
      <button type="button" class="button tiny" disabled=${!props.modelValue.length} onClick=${() => set([])}>${t("channel.models.clear")}</button>
      <${Copy} text=${() => props.modelValue.join(",")} label=${t("channel.models.copy")} words /></div>`;
    return () => html`<div class="field models">
      <label class="name" for=${id}>${t("channel.models.label", { count: props.modelValue.length })}</label>
      <input id=${id} list=${`${id}-known`} value=${typed.value} placeholder=${t("channel.models.add")} autocapitalize="none" spellcheck="false" autocomplete="off"
        aria-invalid=${props.error ? "true" : null} aria-describedby=${props.error ? `${id}-error` : null} onInput=${heard} onKeydown=${pressed} onBlur=${add} />
      <datalist id=${`${id}-known`}>${offered.value.map((name) => html`<option key=${name} value=${name} />`)}</datalist>
      ${props.error ? html`<p class="wrong" id=${`${id}-error`} role="alert">${props.error}</p>` : null}
      ${props.modelValue.length ? html`<ul class="chips" aria-label=${t("channel.f.models")}>${props.modelValue.map((name) => html`<li key=${name}><span title=${name}>${name}</span>
        <button type="button" aria-label=${t("channel.models.remove", { name })} onClick=${() => set(props.modelValue.filter((one) => one !== name))}><${Icon} name="close" /></button></li>`)}</ul>` : null}
      ${tools()}
      <${Failure} error=${error.value} retry=${() => compare()} />
      ${found.value ? html`<${Difference} found=${found.value} go=${t("channel.diff.take")} onApply=${take} />` : null}
    </div>`;
  },
};
