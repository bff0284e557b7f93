// A group of options: one form, one button, which saves what was changed of it.
import { computed } from "vue";
import { t } from "../../core/i18n.js";
import { useAction } from "../../core/load.js";
import { html } from "../../html.js";
import { confirm, say } from "../../parts/confirm.js";
import { Failure } from "../../parts/Failure.js";
import { optionField } from "./option_field.js";

const RATIOS = ["GroupRatio", "ModelRatio", "CompletionRatio"];

export const OptionGroup = {
  name: "OptionGroup",
  props: { form: { type: Object, required: true }, group: { type: Object, required: true } },
  setup(props) {
    const names = computed(() => props.group.parts.flatMap((part) => part.names));
    const changed = computed(() => names.value.filter(props.form.isChanged));
    const { busy, error, act } = useAction(async () => {
      const before = changed.value.length;
      const refused = await props.form.save(names.value);
      const done = before - refused;
      if (done > 0) say(t("options.saved", { count: done }));
    });
    // Ratios are prices: they hold for the next request, so saving them is asked about.
    const publishes = () => changed.value.some((name) => RATIOS.includes(name));
    const ask = () => confirm({ title: t("options.publish"), text: t("options.publish.text"), go: t("options.publish.go"), danger: false, act });
    function submit(event) {
      event.preventDefault();
      if (changed.value.length) (publishes() ? ask : act)();
    }
    const part = ({ id, names: list }) => (list.length ? html`<section key=${id} class="options">
      ${id ? html`<h3>${t(`options.part.${id}`)}</h3>` : null}<div class="fields">${list.map((name) => optionField(props.form, name))}</div></section>` : null);
    const bar = () => html`<div class="savebar" role="region" aria-label=${t("options.unsaved")}>
      <span>${t("options.changed", { count: changed.value.length })}</span>
      <button type="button" class="button" onClick=${() => props.form.forget(changed.value)}>${t("options.discard")}</button>
      <button type="submit" class="button primary" aria-disabled=${busy.value ? "true" : null}>${t("save")}</button></div>`;
    return () => html`<form class="stack option-group" novalidate data-group=${props.group.id} aria-busy=${busy.value} onSubmit=${submit}>
      <h2>${t(`options.group.${props.group.id}`)}</h2>
      <p class="quiet">${t(`options.group.${props.group.id}.lead`)}</p>
      ${props.group.parts.map(part)}
      <${Failure} error=${error.value} retry=${act} />
      ${changed.value.length ? bar() : null}</form>`;
  },
};
