// The explanation of one event, over any page. Whatever puts an event's id into the address opens it.
import { onBeforeUnmount, onMounted, watch } from "vue";
import { useRoute, useRouter } from "vue-router";
import { t } from "../core/i18n.js";
import { useLoad } from "../core/load.js";
import { beside, changes } from "../core/opened.js";
import { call, ledger } from "../core/session.js";
import { html } from "../html.js";
import { Drawer } from "../parts/Dialog.js";
import { Failure } from "../parts/Failure.js";
import { Icon } from "../parts/Icon.js";
import { Explanation } from "./Explanation.js";

const STEPS = { ArrowLeft: -1, ArrowUp: -1, ArrowRight: 1, ArrowDown: 1 };
const TYPED = "input, textarea, select, pre, .menu";

export default {
  name: "ExplainDrawer",
  props: { id: { type: String, required: true } },
  emits: ["close"],
  setup(props, { emit }) {
    const route = useRoute();
    const router = useRouter();
    const { data, error, run } = useLoad((signal) => call.get(`${ledger()}/events/${encodeURIComponent(props.id)}`, {}, { signal }));
    watch(() => props.id, () => run(), { immediate: true });
    const changed = () => { changes.value += 1; run(); };

    function step(by) {
      const next = beside(props.id, by);
      if (next) router.replace({ query: { ...route.query, event: next } });
    }
    /** ← and → always; ↑ and ↓ unless they scroll. Heard on the page: what had the focus may have gone with the event before. */
    function pressed(event) {
      const by = STEPS[event.key];
      const [layer, ...further] = document.querySelectorAll("dialog[open]");
      if (!by || further.length || event.altKey || event.ctrlKey || event.metaKey || event.target.closest(TYPED)) return;
      const body = layer?.querySelector(".drawer-body");
      if (/Up|Down/.test(event.key) && event.target === body && body.scrollHeight > body.clientHeight) return;
      event.preventDefault();
      step(by);
    }
    onMounted(() => document.addEventListener("keydown", pressed));
    onBeforeUnmount(() => document.removeEventListener("keydown", pressed));
    // Not `disabled`: that would take the focus, and with it the arrow keys, out of the drawer.
    const stepper = (by, name, icon) => html`<button type="button" class="button bare icon-only" aria-label=${t(name)} title=${t(name)}
      aria-disabled=${beside(props.id, by) ? null : "true"} onClick=${() => step(by)}><${Icon} name=${icon} /></button>`;
    const content = () => {
      if (error.value) return html`<${Failure} error=${error.value} retry=${() => run()} />`;
      if (data.value?.data.id !== props.id) return html`<p class="quiet" role="status">${t("explain.loading")}</p>`;
      return html`<${Explanation} key=${props.id} answer=${data.value} onChange=${changed} />`;
    };
    return () => html`<${Drawer} title=${t("explain.title")} onClose=${() => emit("close")}>${{
      tools: () => [stepper(-1, "explain.previous", "up"), stepper(1, "explain.next", "down")],
      default: content,
    }}</${Drawer}>`;
  },
};
