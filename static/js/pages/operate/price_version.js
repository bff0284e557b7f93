// One version: who made it and why, how it differs from another, and going back to it.
import { computed, onMounted, ref, watch } from "vue";
import { useRouter } from "vue-router";
import { t } from "../../core/i18n.js";
import { useLoad } from "../../core/load.js";
import { call, isRoot } from "../../core/session.js";
import { html } from "../../html.js";
import { confirm, say } from "../../parts/confirm.js";
import { Drawer } from "../../parts/Dialog.js";
import { Failure } from "../../parts/Failure.js";
import { Field } from "../../parts/Field.js";
import { Facts } from "../../parts/Page.js";
import { Time } from "../../parts/Time.js";
import { PriceDiff } from "./price_diff.js";
import { who } from "./price_versions.js";

const NOTHING = { added: [], removed: [], changed: [], groups: [] };
const PATH = "/api/ledger/prices";

async function differ(signal, before, after) {
  if (before) return (await call.get(`${PATH}/${before}/diff/${after}`, {}, { signal })).data;
  const { data } = await call.get(`${PATH}/${after}`, {}, { signal });
  return { ...NOTHING, added: data.rows, groups: Object.entries(data.group_ratios).map(([group, ratio]) => ({ group, before: null, after: ratio })) };
}

export const PriceVersion = {
  name: "PriceVersion",
  props: { book: { type: Object, required: true }, version: { type: Number, required: true } },
  emits: ["close", "changed"],
  setup(props, { emit }) {
    const router = useRouter();
    const against = ref(Math.max(0, props.version - 1));
    const { data, error, busy, run } = useLoad((signal) => differ(signal, against.value, props.version));
    onMounted(run);
    watch(() => props.version, () => { against.value = Math.max(0, props.version - 1); });
    watch(() => [props.version, against.value], run);
    const one = computed(() => props.book.versions.find(({ version }) => version === props.version));
    const change = async (action, said) => {
      const { data: made } = await call.post(`${PATH}/${props.version}/${action}`, {});
      say(t(said, { number: props.version, made: made.version }));
      emit("changed");
    };
    const back = () => confirm({ title: t("prices.back.title", { number: props.version }), text: t("prices.back.text", { number: props.version, now: props.book.inForce }), go: t("prices.back"), act: () => change("rollback", "prices.backed") });
    const cancel = () => confirm({ title: t("prices.cancel.title", { number: props.version }), text: t("prices.cancel.text"), go: t("prices.cancel"), act: () => change("cancel", "prices.cancelled") });
    const bookHref = () => router.resolve({ path: "/prices", query: { version: props.version } }).href;
    const facts = () => [
      [t("column.status"), t(`prices.state.${one.value.state}`)], [t("prices.effective"), html`<${Time} at=${one.value.effective} />`],
      [t("prices.publishedat"), one.value.published ? html`<${Time} at=${one.value.published} />` : null], [t("prices.author"), who(one.value)], [t("prices.note"), one.value.note],
    ];
    const actions = () => html`<div class="row">
      ${one.value.cancels ? null : html`<a class="button" href=${bookHref()}>${t("prices.thebook")}</a>`}
      ${isRoot.value && one.value.state === "past" && !one.value.cancels ? html`<button type="button" class="button" onClick=${back}>${t("prices.back")}</button>` : null}
      ${isRoot.value && one.value.state === "planned" ? html`<button type="button" class="button danger" onClick=${cancel}>${t("prices.cancel")}</button>` : null}</div>`;
    const others = () => [0, ...props.book.versions.map(({ version }) => version).filter((number) => number !== props.version).reverse()];
    return () => html`<${Drawer} wide title=${t("prices.version", { number: props.version })} onClose=${() => emit("close")}>
      ${!one.value ? html`<p class="quiet">${t("prices.noversion")}</p>` : html`
        <${Facts} pairs=${facts()} />${actions()}
        <section aria-busy=${busy.value}><div class="spread"><h3>${t("prices.difference")}</h3>
          <${Field} silent label=${t("prices.against")}>${(given) => html`<select ...${given} class="select" value=${String(against.value)} onChange=${({ target }) => { against.value = Number(target.value); }}>
            ${others().map((number) => html`<option key=${number} value=${String(number)} selected=${number === against.value}>${number ? t("prices.against.version", { number }) : t("prices.against.nothing")}</option>`)}</select>`}</${Field}></div>
          <${Failure} error=${error.value} retry=${run} />
          ${data.value ? html`<${PriceDiff} diff=${data.value} caption=${t("prices.difference")} />` : null}</section>`}
    </${Drawer}>`;
  },
};
