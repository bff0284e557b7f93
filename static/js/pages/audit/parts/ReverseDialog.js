// Giving one event back, or all charges that have something in common: looked at first, then done or proposed.
import { computed, nextTick, reactive, ref, shallowRef, watch } from "vue";
import { t, word } from "../../../core/i18n.js";
import { useAction } from "../../../core/load.js";
import { call } from "../../../core/session.js";
import { bind, html, model } from "../../../html.js";
import { Ask } from "../../../parts/Ask.js";
import { Failure, Notice } from "../../../parts/Failure.js";
import { Field, Segments } from "../../../parts/Field.js";
import { Money } from "../../../parts/Money.js";
import { filterText, Numbers } from "./reversal_columns.js";

const MAX_REASON = 500;
const NUMBERS = ["user", "key", "channel", "price_version"];
const TEXTS = ["model", "served_model", "group", "endpoint", "outcome"];
const SOURCES = ["upstream", "counted", "estimated"];
const TIMES = ["from", "to"];
const OUTCOMES = { done: "giveback.done", approved: "giveback.running" };

/** What is to be reversed, as the API takes it; null as long as nothing is said. */
function target(form) {
  if (form.kind === "event") return form.event.trim() ? { event: form.event.trim() } : null;
  const filter = {};
  for (const name of NUMBERS) if (/^\d+$/.test(form[name].trim())) filter[name] = Number(form[name]);
  for (const name of [...TEXTS, "usage_source"]) if (form[name].trim()) filter[name] = form[name].trim();
  for (const name of TIMES) if (form[name]) filter[name] = `${form[name].length === 16 ? `${form[name]}:00` : form[name]}Z`;
  return Object.keys(filter).length ? { filter } : null;
}

const outcome = (document) => (document.state === "proposed"
  ? html`<${Notice} kind="warning">${t("giveback.proposed")}</${Notice}>`
  : html`<${Notice} kind="good">${t(OUTCOMES[document.state] ?? OUTCOMES.approved)} <${Money} amount=${document.state === "done" ? document.progress.amount : document.total} full /></${Notice}>`);

/** `charge` is the event to begin with. "done" is emitted when something was done or proposed. */
export const ReverseDialog = {
  name: "ReverseDialog",
  props: { charge: { type: String, default: "" } },
  emits: ["close", "done"],
  setup(props, { emit }) {
    const empty = Object.fromEntries([...NUMBERS, ...TEXTS, "usage_source", ...TIMES].map((name) => [name, ""]));
    const form = reactive({ kind: "event", event: props.charge, reason: "", ...empty });
    const numbers = shallowRef(null);
    const wrong = ref("");
    const made = shallowRef(null);
    const found = ref(null);
    const chosen = computed(() => target(form));
    // Other charges have other numbers: they are looked at anew.
    watch(() => JSON.stringify(chosen.value), () => { numbers.value = null; wrong.value = ""; });
    const look = useAction(async () => {
      wrong.value = chosen.value ? "" : t("giveback.needsTarget");
      if (chosen.value) numbers.value = (await call.post("/api/ledger/reverse", { ...chosen.value, dry_run: true })).data;
      await nextTick();
      found.value?.scrollIntoView({ block: "end" });
    });
    if (props.charge) look.act();
    async function act() {
      if (!numbers.value) {
        await look.act();
        return false;
      }
      wrong.value = form.reason.trim() ? "" : t("giveback.needsReason");
      if (wrong.value) return false;
      made.value = (await call.post("/api/ledger/reverse", { ...chosen.value, reason: form.reason.trim(), digest: numbers.value.digest })).data;
      emit("done");
      return true;
    }
    const field = (name, type = "text") => html`<${Field} key=${name} label=${word("filter.by", name)}>${(given) => html`<input ...${given} type=${type} name=${name} autocomplete="off"
      inputmode=${NUMBERS.includes(name) ? "numeric" : null} ...${bind(form, name)} />`}</${Field}>`;
    const source = () => html`<${Field} label=${word("filter.by", "usage_source")}>${(given) => html`<select ...${given} name="usage_source" ...${bind(form, "usage_source", { event: "onChange" })}>
      <option value=""></option>${SOURCES.map((value) => html`<option key=${value} value=${value}>${t(`giveback.source.${value}`)}</option>`)}</select>`}</${Field}>`;
    const filterFields = () => html`<div class="fields">${[...NUMBERS, ...TEXTS].map((name) => field(name))}${source()}${TIMES.map((name) => field(name, "datetime-local"))}</div><p class="small quiet">${t("giveback.filter.hint")}</p>`;
    const eventField = () => html`<${Field} label=${t("giveback.event")} hint=${t("giveback.event.hint")}>${(given) => html`<input ...${given} class="mono" name="event" placeholder="usage:…" autocomplete="off" spellcheck="false" autofocus ...${bind(form, "event")} />`}</${Field}>`;
    function preview() {
      if (!numbers.value) return html`<p class="quiet small" aria-live="polite">${look.busy.value ? t("giveback.looking") : null}</p>`;
      if (!numbers.value.count) return html`<${Notice}>${t("giveback.nothing")}</${Notice}>`;
      return html`<div class="stack preview" ref=${found} aria-live="polite"><p class="quiet">${t("giveback.dryRun")}</p>
        ${Numbers(numbers.value, chosen.value.filter ? [[t("reversal.what"), filterText(chosen.value.filter)]] : [])}
        <${Notice} kind=${numbers.value.needs_approval ? "warning" : "info"}>${t(numbers.value.needs_approval ? "giveback.needsOther" : "giveback.alone")}</${Notice}>
        <${Field} label=${t("reversal.reason")} error=${wrong.value}>${(given) => html`<input ...${given} name="reason" maxlength=${MAX_REASON} autocomplete="off" ...${bind(form, "reason")} />`}</${Field}></div>`;
    }
    const go = computed(() => (!numbers.value ? t("giveback.look") : numbers.value.needs_approval ? t("giveback.propose") : t("giveback.go")));
    const kind = { get value() { return form.kind; }, set value(next) { form.kind = next; } };
    const content = () => html`
      <${Segments} label=${t("giveback.kind")} options=${["event", "filter"].map((value) => ({ value, label: t(`giveback.kind.${value}`) }))} ...${model(kind)} />
      ${form.kind === "event" ? eventField() : filterFields()}
      ${wrong.value && !numbers.value ? html`<p class="wrong" role="alert">${wrong.value}</p>` : null}
      <${Failure} error=${look.error.value} />
      ${preview()}`;
    return () => html`<${Ask} title=${t("giveback.title")} go=${go.value} act=${act} wide ready=${!numbers.value || numbers.value.count > 0} onClose=${() => emit("close")}>${{ default: content, done: () => outcome(made.value) }}</${Ask}>`;
  },
};
