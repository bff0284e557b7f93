// The explanation of one event, over any page. Whatever puts an event's id into the address opens it.
import { watch } from "vue";
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
    /** ← and → always; ↑ and ↓ where there is nothing to scroll. */
    function pressed(event) {
      const by = STEPS[event.key];
      if (!by || event.altKey || event.ctrlKey || event.metaKey || event.target.closest(TYPED)) return;
      const body = event.currentTarget.querySelector(".drawer-body");
      const scrolls = body.scrollHeight > body.clientHeight;
      if (/Up|Down/.test(event.key) && scrolls && event.target === body) return;
      event.preventDefault();
      step(by);
    }
    const stepper = (by, name, icon) => html`<button type="button" class="button bare icon-only" aria-label=${t(name)} title=${t(name)}
      disabled=${!beside(props.id, by)} onClick=${() => step(by)}><${Icon} name=${icon} /></button>`;
    const content = () => {
      if (error.value) return html`<${Failure} error=${error.value} retry=${() => run()} />`;
      if (data.value?.data.id !== props.id) return html`<p class="quiet" role="status">${t("explain.loading")}</p>`;
      return html`<${Explanation} key=${props.id} answer=${data.value} onChange=${changed} />`;
    };
    return () => html`<${Drawer} title=${t("explain.title")} onClose=${() => emit("close")} onKeydown=${pressed}>${{
      tools: () => [stepper(-1, "explain.previous", "up"), stepper(1, "explain.next", "down")],
      default: content,
    }}</${Drawer}>`;
  },
};
