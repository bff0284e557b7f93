// Adding channels: the vendor first, then its form with what it needs; at the end a test is offered.
import { computed, nextTick, onMounted, reactive, ref, shallowRef, watch } from "vue";
import { language, t } from "../../core/i18n.js";
import { useAction } from "../../core/load.js";
import { call } from "../../core/session.js";
import { html } from "../../html.js";
import { Drawer } from "../../parts/Dialog.js";
import { Failure } from "../../parts/Failure.js";
import { Icon } from "../../parts/Icon.js";
import { bodyOf, draftOf } from "./channel_draft.js";
import { ChannelForm } from "./channel_form.js";
import { useFaults } from "./channel_settings.js";

const isLocal = (url) => /\/\/(localhost|127\.)/.test(url);
/** The first that fits says where a vendor stands in the list. */
const FAMILIES = [
  ["retired", (vendor) => Object.keys(vendor.retired).length > 0],
  ["sandbox", (vendor) => vendor.protocol === "sandbox"],
  ["address", (vendor) => vendor.needs_base_url || isLocal(vendor.base_url)],
  ["openai", (vendor) => vendor.protocol === "openai"],
  ["own", () => true],
];
const ORDER = ["openai", "own", "address", "sandbox", "retired"];
const familyOf = (vendor) => FAMILIES.find(([, fits]) => fits(vendor))[0];

/** The list of vendors, searched as one types. Emits "pick" with the type. */
const VendorList = {
  name: "VendorList",
  props: { vendors: { type: Map, required: true } },
  emits: ["pick"],
  setup(props, { emit }) {
    const words = ref("");
    const box = ref(null);
    onMounted(() => nextTick(() => box.value?.focus()));
    const found = computed(() => {
      const text = words.value.trim().toLowerCase();
      return [...props.vendors.values()].filter((one) => !text || `${one.name} ${one.type} ${one.base_url}`.toLowerCase().includes(text) || (text.length > 2 && one.models.some((model) => model.toLowerCase().includes(text))));
    });
    const pickOnly = (event) => {
      const usable = found.value.filter((one) => familyOf(one) !== "retired");
      event.preventDefault();
      if (usable.length === 1) emit("pick", usable[0].type);
    };
    function vendorNode(vendor) {
      const why = vendor.retired[language()] ?? vendor.retired.en;
      return html`<li key=${vendor.type}><button type="button" class="vendor-button" disabled=${Boolean(why)} onClick=${() => emit("pick", vendor.type)}>
        <span>${vendor.name}</span><span class="quiet small">${why ?? (vendor.base_url ? vendor.base_url.replace(/^https?:\/\//, "") : t(vendor.needs_base_url ? "channel.add.address" : "channel.add.nothing"))}</span></button></li>`;
    }
    return () => {
      const groups = ORDER.map((name) => [name, found.value.filter((one) => familyOf(one) === name)]).filter(([, vendors]) => vendors.length);
      return html`<form class="stack roomy" onSubmit=${pickOnly}>
        <input ref=${box} class="input" type="search" aria-label=${t("channel.add.search")} placeholder=${t("channel.add.search")} value=${words.value} onInput=${({ target }) => { words.value = target.value; }} />
        ${groups.map(([name, vendors]) => html`<section key=${name}><h3>${t(`channel.family.${name}`)}</h3><ul class="vendors">${vendors.map(vendorNode)}</ul></section>`)}
        ${groups.length ? null : html`<p class="quiet" role="status">${t("channel.add.none")}</p>`}</form>`;
    };
  },
};

/** The form of a new channel. Emits "made" with the channels, "dirty". */
const NewForm = {
  name: "NewForm",
  props: { vendor: { type: Object, required: true }, lookups: { type: Object, required: true } },
  emits: ["made", "dirty", "back"],
  setup(props, { emit }) {
    const root = ref(null);
    const { vendor } = props;
    const first = { ...draftOf({}, vendor), name: vendor.name.replace(/ \(.*\)$/, ""), models: [...vendor.models] };
    const draft = reactive(structuredClone(first));
    const { faults, lay, clear } = useFaults(root);
    onMounted(async () => {
      await nextTick();
      root.value?.querySelector("input[name=name]").select();
    });
    watch(() => JSON.stringify(draft) !== JSON.stringify(first), (dirty) => emit("dirty", dirty));
    const { busy, error, act } = useAction(async () => {
      clear();
      try {
        const { data } = await call.post("/api/channel/", { ...bodyOf(draft, vendor), multi_key: draft.multi_key });
        emit("made", data);
      } catch (problem) {
        const left = await lay(problem);
        if (left) throw left;
      }
    });
    const submit = (event) => { event.preventDefault(); act(); };
    return () => html`<form ref=${root} novalidate class="settings" onSubmit=${submit}>
      <${ChannelForm} draft=${draft} vendor=${vendor} faults=${faults.value} lookups=${props.lookups} />
      <${Failure} error=${error.value} />
      <div class="save-bar row end"><button type="button" class="button" onClick=${() => emit("back")}>${t("channel.add.back")}</button>
        <button type="submit" class="button primary" aria-disabled=${busy.value ? "true" : null}>${t("channel.add.go")}</button></div>
    </form>`;
  },
};

/** `type` is the vendor that was chosen, null before. Emits "pick" (a type, or null to go back), "made", "test" (ids), "close", "dirty". */
export const AddDrawer = {
  name: "AddDrawer",
  props: { type: { default: null }, vendors: { type: Map, required: true }, lookups: { type: Object, required: true } },
  emits: ["pick", "made", "test", "close", "dirty"],
  setup(props, { emit }) {
    const made = shallowRef(null);
    const vendor = computed(() => props.vendors.get(props.type) ?? null);
    function done(channels) {
      made.value = channels;
      emit("dirty", false);
      emit("made", channels);
    }
    const ids = () => made.value.map((channel) => channel.id);
    const again = () => { made.value = null; emit("pick", null); };
    const doneNode = () => html`<div class="stack" role="status"><p class="word"><${Icon} name="check" />${t("channel.add.done", { count: made.value.length, name: made.value[0].name })}</p>
      <p class="quiet">${t("channel.add.next")}</p>
      <div class="row wrap"><button type="button" class="button primary" onClick=${() => emit("test", ids())}>${t("channel.add.test")}</button>
        <button type="button" class="button" onClick=${again}>${t("channel.add.again")}</button>
        <button type="button" class="button" onClick=${() => emit("close")}>${t("close")}</button></div></div>`;
    function body() {
      if (made.value) return doneNode();
      if (vendor.value) return html`<${NewForm} key=${vendor.value.type} vendor=${vendor.value} lookups=${props.lookups} onMade=${done} onDirty=${(dirty) => emit("dirty", dirty)} onBack=${() => emit("pick", null)} />`;
      return html`<${VendorList} vendors=${props.vendors} onPick=${(type) => emit("pick", type)} />`;
    }
    return () => html`<${Drawer} wide title=${vendor.value ? t("channel.add.title.of", { name: vendor.value.name }) : t("channel.add.title")} onClose=${() => emit("close")}>
      <div class="channel-drawer">${props.vendors.size ? body() : null}</div></${Drawer}>`;
  },
};
