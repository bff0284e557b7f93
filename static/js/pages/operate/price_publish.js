// The draft, looked at before it is published: what it changes, what it would have made, and from when it is to hold.
import { computed, reactive } from "vue";
import { t } from "../../core/i18n.js";
import { call, isRoot } from "../../core/session.js";
import { html } from "../../html.js";
import { confirm, say } from "../../parts/confirm.js";
import { Notice } from "../../parts/Failure.js";
import { Field, Segments } from "../../parts/Field.js";
import { Empty } from "../../parts/Page.js";
import { count, difference, draft, edits, faults, setNote, throwAway } from "./price_draft.js";
import { PriceDiff } from "./price_diff.js";
import { className } from "./price_parts.js";
import { PriceSimulation } from "./price_simulation.js";

const faultText = ({ model, name, group }) => (group ? t("prices.fault.group", { group }) : name ? t("prices.fault.rate", { model, name: className(name) }) : t("prices.fault.empty", { model }));

function useWhen() {
  const when = reactive({ mode: "now", at: "", wrong: "" });
  /** RFC 3339, "" for at once, null for what is no time to come. */
  const effective = () => {
    if (when.mode === "now") return "";
    const date = new Date(when.at);
    return when.at && date > new Date() ? date.toISOString() : null;
  };
  return { when, effective };
}

export const PricePublish = {
  name: "PricePublish",
  props: { book: { type: Object, required: true } },
  emits: ["published", "edit"],
  setup(props, { emit }) {
    const { when, effective } = useWhen();
    const old = computed(() => draft.base && draft.base !== props.book.inForce);
    async function publish(at) {
      const { data, changed } = await call.post("/api/ledger/prices", { ...edits(), note: draft.note.trim(), ...(at ? { effective_at: at } : {}) });
      throwAway();
      say(t(!changed ? "prices.nothingpublished" : at ? "prices.scheduled" : "prices.published", { number: data?.version ?? 0 }));
      emit("published");
    }
    function ask(event) {
      event.preventDefault();
      const at = effective();
      when.wrong = at === null ? t("prices.notime") : "";
      if (at === null || faults.value.length) return;
      confirm({
        title: t(at ? "prices.schedule.title" : "prices.publish.title"), danger: false, go: t(at ? "prices.schedule" : "prices.publish"), act: () => publish(at),
        text: t(at ? "prices.schedule.text" : "prices.publish.text", { count: count.value, at: when.at.replace("T", " ") }),
      });
    }
    const away = () => confirm({ title: t("prices.throw"), text: t("prices.throw.text", { count: count.value }), go: t("prices.throw"), act: throwAway });
    const modes = () => ["now", "at"].map((value) => ({ value, label: t(`prices.when.${value}`) }));
    const form = () => html`<form class="stack publish" novalidate onSubmit=${ask}><h2>${t("prices.publish")}</h2>
      <${Field} label=${t("prices.note")} hint=${t("prices.note.hint")}>${(given) => html`<input ...${given} name="note" maxlength="500" value=${draft.note} onInput=${({ target }) => setNote(target.value)} />`}</${Field}>
      <div class="bar"><${Segments} label=${t("prices.when")} options=${modes()} modelValue=${when.mode} onUpdate:modelValue=${(value) => { when.mode = value; }} />
        ${when.mode === "at" ? html`<${Field} silent label=${t("prices.when.at")} error=${when.wrong}>${(given) => html`<input ...${given} type="datetime-local" value=${when.at} onInput=${({ target }) => { when.at = target.value; }} />`}</${Field}>` : null}
        <button type="submit" class="button primary" aria-disabled=${faults.value.length ? "true" : null}>${t(when.mode === "at" ? "prices.schedule" : "prices.publish")}</button>
        <button type="button" class="button" onClick=${away}>${t("prices.throw")}</button></div></form>`;
    return () => (!count.value
      ? html`<${Empty} title=${t("prices.nodraft")} text=${t("prices.nodraft.text")}>${isRoot.value ? html`<button type="button" class="button" onClick=${() => emit("edit")}>${t("prices.edit")}</button>` : null}</${Empty}>`
      : html`
        ${old.value ? html`<${Notice} kind="warning">${t("prices.moved", { base: draft.base, now: props.book.inForce })}</${Notice}>` : null}
        ${faults.value.length ? html`<${Notice} kind="warning">${faults.value.map((one) => html`<p key=${JSON.stringify(one)}>${faultText(one)}</p>`)}</${Notice}>` : null}
        <section><h2>${t("prices.draft.what")}</h2><${PriceDiff} diff=${difference(props.book)} caption=${t("prices.draft.what")} /></section>
        <${PriceSimulation} />
        ${form()}`);
  },
};
