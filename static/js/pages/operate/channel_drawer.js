// One channel at the side of the table: its settings, its test console, what was found of it.
import { computed, onMounted, ref, watch } from "vue";
import { t } from "../../core/i18n.js";
import { useLoad } from "../../core/load.js";
import { call } from "../../core/session.js";
import { html } from "../../html.js";
import { Drawer } from "../../parts/Dialog.js";
import { Failure } from "../../parts/Failure.js";
import { CareRecord } from "./channel_care.js";
import { ON } from "./channel_list.js";
import { Settings } from "./channel_settings.js";
import { Status } from "./channel_status.js";
import { TrialConsole } from "./channel_trial.js";

export const TABS = ["settings", "test", "care"];

/** `tab` is one of TABS. Emits "close", "tab", "saved" (the channel), "dirty", "switch" (the channel). `reread(id)` reads it again. */
export const ChannelDrawer = {
  name: "ChannelDrawer",
  props: {
    id: { type: Number, required: true }, row: { default: null }, tab: { type: String, default: "settings" }, vendors: { type: Map, required: true },
    lookups: { type: Object, required: true }, reason: { default: null }, test: { type: Function, required: true }, reread: { type: Function, required: true },
  },
  emits: ["close", "tab", "saved", "dirty", "switch"],
  setup(props, { emit }) {
    const { data, error, run } = useLoad(async (signal) => (await call.get(`/api/channel/${props.id}`, {}, { signal })).data);
    const row = computed(() => props.row ?? data.value);
    const seen = ref(new Set([props.tab]));
    watch(() => props.tab, (tab) => seen.value.add(tab));
    onMounted(() => { if (!props.row) run(); });
    const vendor = computed(() => props.vendors.get(row.value?.type) ?? null);
    const saved = (now) => { data.value = now; emit("saved", now); };
    /** ← and → walk the tabs, as those expect who do not see them. */
    function walk(event) {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (!step) return;
      const next = TABS[(TABS.indexOf(props.tab) + step + TABS.length) % TABS.length];
      emit("tab", next);
      event.currentTarget.querySelector(`#tab-${next}`).focus();
    }
    const tabs = () => html`<div class="tabs" role="tablist" aria-label=${t("nav.channels")} onKeydown=${walk}>${TABS.map((name) => html`
      <button type="button" role="tab" key=${name} id=${`tab-${name}`} aria-selected=${props.tab === name ? "true" : "false"} tabindex=${props.tab === name ? 0 : -1} aria-controls=${`panel-${name}`} onClick=${() => emit("tab", name)}>${t(`channel.tab.${name}`)}</button>`)}</div>`;
    const BODIES = {
      settings: () => html`<${Settings} row=${row.value} vendors=${props.vendors} lookups=${props.lookups} reason=${props.reason} onSaved=${saved} onDirty=${(dirty) => emit("dirty", dirty)} />`,
      test: () => html`<${TrialConsole} row=${row.value} test=${props.test} />`,
      care: () => html`<${CareRecord} row=${row.value} vendor=${vendor.value} changed=${() => props.reread(props.id)} />`,
    };
    // What was opened once stays, so that nothing typed is lost by looking elsewhere.
    const panel = (name) => html`<div key=${name} role="tabpanel" id=${`panel-${name}`} aria-labelledby=${`tab-${name}`} hidden=${props.tab !== name}>${seen.value.has(name) || props.tab === name ? BODIES[name]() : null}</div>`;
    return () => html`<${Drawer} wide title=${row.value?.name ?? t("channel.one", { id: String(props.id) })} onClose=${() => emit("close")}>${{
      tools: () => (row.value ? html`<span class="drawer-status"><${Status} status=${row.value.status} reason=${props.reason} rests=${row.value.resting_s} /></span>
        <button type="button" class="button tiny" onClick=${() => emit("switch", row.value)}>${t(row.value.status === ON ? "channel.bulk.disable" : "channel.bulk.enable")}</button>` : null),
      default: () => html`<div class="channel-drawer"><${Failure} error=${error.value} retry=${() => run()} />
        ${row.value && props.vendors.size ? [tabs(), TABS.map(panel)] : null}</div>`,
    }}</${Drawer}>`;
  },
};
