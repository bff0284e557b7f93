// Changing a channel: its form, what was changed, saving.
import { computed, nextTick, reactive, ref, shallowRef, watch } from "vue";
import { language, t } from "../../core/i18n.js";
import { useAction } from "../../core/load.js";
import { call } from "../../core/session.js";
import { html } from "../../html.js";
import { say } from "../../parts/confirm.js";
import { Failure, Notice } from "../../parts/Failure.js";
import { changesOf, configFor, draftOf, faultsOf } from "./channel_draft.js";
import { ChannelForm } from "./channel_form.js";

/** The choice of types. Why some can't be had any more is said above the form once one is chosen. */
const typeOptions = (vendors) => [...vendors.values()].map(({ type, name, retired }) => (
  { value: type, label: name, note: retired.en ? t("channel.retired") : "" }
)).sort((one, other) => one.label.localeCompare(other.label));

/** Refusals at their fields, the first of which gets the focus; `lay` takes an error and returns the one that is left to tell. */
export function useFaults(root) {
  const faults = shallowRef({});
  async function lay(error) {
    const found = faultsOf(error);
    faults.value = found.faults;
    await nextTick();
    await nextTick();
    const told = [...root.value.querySelectorAll(".field > .wrong")];
    const first = told[0]?.parentElement.querySelector("input, textarea, select, button");
    first?.scrollIntoView({ block: "center" });
    first?.focus({ preventScroll: true });
    if (told.length < Object.keys(found.faults).length || !first) return error;
    return found.rest ? Object.assign(error, { message: found.rest }) : null;
  }
  return { faults, lay, clear: () => { faults.value = {}; } };
}

/** Emits "saved" with the channel as it is now, "dirty" with whether something was changed. */
export const Settings = {
  name: "Settings",
  props: { row: { type: Object, required: true }, vendors: { type: Map, required: true }, lookups: { type: Object, required: true }, reason: { default: null } },
  emits: ["saved", "dirty"],
  setup(props, { emit }) {
    const root = ref(null);
    const version = ref(0);
    const vendorOf = (type) => props.vendors.get(type) ?? null;
    const first = shallowRef(draftOf(props.row, vendorOf(props.row.type)));
    const draft = reactive(structuredClone(first.value));
    const vendor = computed(() => vendorOf(draft.type));
    const changes = computed(() => changesOf(draft, first.value, vendor.value, vendorOf(props.row.type)));
    const count = computed(() => Object.keys(changes.value).length);
    const { faults, lay, clear } = useFaults(root);
    function reset(row) {
      first.value = draftOf(row, vendorOf(row.type));
      Object.assign(draft, structuredClone(first.value));
      version.value += 1;
      clear();
    }
    watch(() => draft.type, (type) => {
      const stored = first.value.type === type;
      draft.config = stored ? { ...first.value.config } : configFor(vendorOf(type), draft.config);
    });
    // What was changed elsewhere (in the table, by a test) is taken over while nothing was typed here.
    watch(() => props.row, (row) => { if (!count.value) reset(row); });
    watch(() => count.value > 0, (dirty) => emit("dirty", dirty), { immediate: true });
    const { busy, error, act } = useAction(async () => {
      clear();
      try {
        const { data } = await call.put("/api/channel/", { id: props.row.id, ...changes.value });
        reset(data);
        emit("saved", data);
        say(t("saved"));
      } catch (problem) {
        const left = await lay(problem);
        if (left) throw left;
      }
    });
    const submit = (event) => { event.preventDefault(); if (count.value) act(); };
    return () => html`<form ref=${root} novalidate class="settings" onSubmit=${submit}>
      ${props.reason ? html`<${Notice} kind="warning"><p>${t("channel.off.why", { reason: props.reason.text })}</p></${Notice}>` : null}
      ${vendor.value?.retired.en ? html`<${Notice} kind="warning">${vendor.value.retired[language()] ?? vendor.value.retired.en}</${Notice}>` : null}
      <${ChannelForm} draft=${draft} row=${props.row} vendor=${vendor.value} types=${typeOptions(props.vendors)} faults=${faults.value} lookups=${props.lookups} version=${version.value} />
      <${Failure} error=${error.value} />
      <div class="save-bar row end">
        <span class="quiet small" role="status">${count.value ? t("channel.unsaved", { count: count.value }) : ""}</span>
        <button type="button" class="button" disabled=${!count.value} onClick=${() => reset(props.row)}>${t("channel.takeback")}</button>
        <button type="submit" class="button primary" aria-disabled=${busy.value || !count.value ? "true" : null}>${t("save")}</button></div>
    </form>`;
  },
};
