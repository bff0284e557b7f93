// The test console of a channel: one small request, its answer or its error, and how long that took.
import { computed, reactive, ref, watch } from "vue";
import { t } from "../../core/i18n.js";
import { useAction } from "../../core/load.js";
import { duration } from "../../core/time.js";
import { bind, html, tick } from "../../html.js";
import { Field } from "../../parts/Field.js";
import { Icon } from "../../parts/Icon.js";
import { namesOf } from "./channel_list.js";
import { TEST_KINDS } from "./channel_fields.js";

const MOST_KEPT = 10;

/** `test(id, params)` does it and returns {ok, message, seconds, model}. */
export const TrialConsole = {
  name: "TrialConsole",
  props: { row: { type: Object, required: true }, test: { type: Function, required: true } },
  setup(props) {
    const form = reactive({ model: "", kind: "", stream: Boolean(props.row.test_stream) });
    const past = ref([]);
    const models = computed(() => namesOf(props.row.models));
    watch(models, (names) => { if (form.model && !names.includes(form.model)) form.model = ""; });
    const { busy, act } = useAction(async () => {
      const found = await props.test(props.row.id, { model: form.model, kind: form.kind, stream: String(form.stream) });
      past.value = [{ ...found, asked: form.model, at: Date.now() }, ...past.value].slice(0, MOST_KEPT);
    });
    const submit = (event) => { event.preventDefault(); act(); };
    const outcome = (one) => html`<li key=${one.at} class=${["trial", { failed: !one.ok }]}>
      <div class="spread"><span class=${["word", { danger: !one.ok }]}><${Icon} name=${one.ok ? "check" : "alert"} />${t(one.ok ? "channel.test.ok" : "channel.test.failed")}${one.model || one.asked ? html` <span class="mono">${one.model || one.asked}</span>` : null}</span>
        ${one.ok ? html`<span>${duration(one.seconds * 1000)}</span>` : null}</div>
      <p class="said">${one.message || t("channel.test.nothing")}</p></li>`;
    return () => html`<section>
      <p class="quiet small">${t("channel.test.lead")}</p>
      <form class="trial-form" onSubmit=${submit}>
        <${Field} label=${t("column.model")}>${(given) => html`<select ...${given} name="model" ...${bind(form, "model", { event: "onChange" })}>
          <option value="">${t("channel.test.usual")}</option>${models.value.map((name) => html`<option key=${name} value=${name}>${name}</option>`)}</select>`}</${Field}>
        <${Field} label=${t("channel.f.test_kind")}>${(given) => html`<select ...${given} name="kind" ...${bind(form, "kind", { event: "onChange" })}>
          <option value="">${t("channel.test.asset")}</option>${TEST_KINDS.map((kind) => html`<option key=${kind} value=${kind}>${t(`channel.kind.${kind}`)}</option>`)}</select>`}</${Field}>
        <label class="check"><input ...${tick(form, "stream")} /><span>${t("channel.test.stream")}</span></label>
        <button type="submit" class="button primary" aria-disabled=${busy.value ? "true" : null}><${Icon} name="play" />${busy.value ? t("channel.testing") : t("channel.test.go")}</button>
      </form>
      <ol class="trials" aria-live="polite">${past.value.map(outcome)}</ol></section>`;
  },
};
