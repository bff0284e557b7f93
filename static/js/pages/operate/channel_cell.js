// A number that is edited in its place in the table: Enter saves, Escape takes back.
import { computed, ref } from "vue";
import { t } from "../../core/i18n.js";
import { useAction } from "../../core/load.js";
import { html } from "../../html.js";
import { Icon } from "../../parts/Icon.js";

const WHOLE = /^[-\u2212]?\d+$/;

/** `save(number)` does it and throws what the server says, which is shown beside the cell. */
export const NumberCell = {
  name: "NumberCell",
  props: { value: { type: Number, required: true }, label: { type: String, required: true }, save: { type: Function, required: true } },
  setup(props) {
    const typed = ref(null);
    const wrong = ref("");
    const changed = computed(() => typed.value !== null && typed.value.trim() !== String(props.value));
    const back = () => { typed.value = null; wrong.value = ""; };
    const { busy, act } = useAction(async () => {
      const text = typed.value.trim();
      if (!WHOLE.test(text)) { wrong.value = t("channel.cell.whole"); return; }
      try {
        await props.save(Number(text.replace("\u2212", "-")));
        back();
      } catch (error) {
        wrong.value = error.message;
      }
    });
    const keep = () => (changed.value ? act() : back());
    function pressed(event) {
      if (event.key === "Enter") keep();
      else if (event.key === "Escape" && typed.value !== null) back();
      else return;
      event.preventDefault();
      event.stopPropagation();
    }
    return () => html`<span class="number-cell" aria-busy=${busy.value ? "true" : null}>
      ${changed.value ? html`<button type="button" class="button bare icon-only tiny" aria-label=${t("channel.cell.save")} title=${t("channel.cell.save")} onClick=${keep}><${Icon} name="check" /></button>` : null}
      <input inputmode="numeric" aria-label=${props.label} aria-invalid=${wrong.value ? "true" : null} class=${{ changed: changed.value }} value=${typed.value ?? props.value}
        onInput=${({ target }) => { typed.value = target.value; wrong.value = ""; }} onKeydown=${pressed} />
      ${wrong.value ? html`<span class="wrong" role="alert">${wrong.value}</span>` : null}</span>`;
  },
};
