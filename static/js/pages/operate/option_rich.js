// A text for pages, Markdown or HTML, beside what the server would show of it. Only what the server made harmless is put on the page.
import { onBeforeUnmount, onMounted, ref, watch } from "vue";
import { t } from "../../core/i18n.js";
import { useLoad } from "../../core/load.js";
import { call } from "../../core/session.js";
import { html } from "../../html.js";
import { Failure } from "../../parts/Failure.js";

const PAUSE_MS = 400;

export const OptionRich = {
  name: "OptionRich",
  props: { modelValue: { type: String, required: true }, name: { type: String, required: true }, given: { type: Object, required: true } },
  emits: ["update:modelValue"],
  setup(props, { emit }) {
    const { data, error, run } = useLoad(async (signal) => (await call.post("/api/option/preview", { text: props.modelValue }, { signal })).data);
    const shown = ref(null);
    let timer = 0;
    const look = () => (props.modelValue ? run() : (data.value = null));
    onMounted(look);
    onBeforeUnmount(() => clearTimeout(timer));
    watch(() => props.modelValue, () => { clearTimeout(timer); timer = setTimeout(look, PAUSE_MS); });
    const framed = () => data.value?.url && props.name !== "Footer";
    return () => html`<div class="rich">
      <textarea ...${props.given} rows="8" value=${props.modelValue} onInput=${({ target }) => emit("update:modelValue", target.value)}></textarea>
      <div class="rich-preview" role="region" aria-label=${t("options.preview", { name: t(`option.${props.name}`) })} tabindex="0" ref=${shown}>
        ${!props.modelValue ? html`<p class="quiet">${t("options.preview.empty")}</p>` : framed() ? html`<p class="quiet">${t("options.preview.framed")} <span class="mono">${data.value.url}</span></p>`
          : html`<div class="prose" innerHTML=${data.value?.html ?? ""} />`}
        <${Failure} error=${error.value} retry=${look} /></div></div>`;
  },
};
