// The form of the pages for people who are not signed in: a title, fields, one action; what went wrong or well above them.
import { nextTick, onMounted, ref, shallowRef } from "vue";
import { RouterLink, useRoute } from "vue-router";
import { t } from "../../core/i18n.js";
import { useAction } from "../../core/load.js";
import { session } from "../../core/session.js";
import { bind, html } from "../../html.js";
import { Failure, Notice } from "../../parts/Failure.js";
import { Field } from "../../parts/Field.js";
import { asRefusal } from "./arrival.js";
import { Others } from "./Others.js";
import { useRobotCheck } from "./robot.js";

/** The pages that lead to each other, as far as the gateway has them. */
const WAYS = {
  signin: () => true,
  join: ({ register, password_register: byPassword }) => register && byPassword,
  reset: ({ mail }) => mail,
};

/** Links to the other pages for strangers; what the address asks for (an invitation, where to go on) goes with them. */
function ways(here, query) {
  const { aff, next } = query;
  const kept = Object.fromEntries(Object.entries({ aff, next }).filter(([, value]) => value !== undefined));
  return Object.keys(WAYS).filter((page) => page !== here && WAYS[page](session.status)).map((page) => html`
    <${RouterLink} key=${page} to=${{ path: `/${page}`, query: kept }}>${t(`way.${page}`)}</${RouterLink}>`);
}

/** A labelled field of such a form: `form` is reactive, `name` that of the input too. */
export function entryField(form, name, label, attributes = {}, hint = "") {
  return html`<${Field} key=${name} label=${label} hint=${hint}>${(given) => html`<input ...${given} name=${name} required ...${attributes} ...${bind(form, name)} />`}</${Field}>`;
}

/** First of the fields that are empty, but for those that may be. */
const firstEmpty = (form) => [...form.elements].find((element) => element.required && !element.value.trim());

/**
 * `act(robotParams)` does it; what it returns is said: a text, or {kind, text}. `here` is this page's name, `others` offers other ways
 * to sign in, `needs` is said when a field is empty, `first` what is said at the beginning. The default slot gets `attempt(work)`, which
 * does something else under the same rules; slot `foot` stands below.
 */
export const EntryForm = {
  name: "EntryForm",
  props: {
    title: { type: String, required: true }, go: { type: String, required: true }, going: { type: String, default: "" },
    act: { type: Function, required: true }, here: { type: String, default: "" }, others: Boolean,
    needs: { type: String, default: "" }, first: { default: null },
  },
  setup(props, { slots }) {
    const route = useRoute();
    const form = ref(null);
    const said = shallowRef(props.first);
    const robot = useRobotCheck();
    const focus = (name) => nextTick(() => (name ? form.value?.elements[name] : form.value?.querySelector("input"))?.focus());
    onMounted(() => focus());
    const { busy, error, act: attempt } = useAction(async (work) => {
      said.value = null;
      try {
        const answer = await work(robot.params(), focus);
        said.value = typeof answer === "string" ? { kind: "good", text: answer } : answer ?? null;
      } catch (problem) {
        throw asRefusal(problem);
      } finally {
        robot.again();
      }
    });
    function submit(event) {
      event.preventDefault();
      if (busy.value) return;
      const empty = firstEmpty(form.value);
      if (!empty) return attempt(props.act);
      error.value = null;
      said.value = { kind: "warning", text: props.needs || t("join.needs") };
      empty.focus();
    }
    return () => html`<div class="signin">
      <form ref=${form} novalidate onSubmit=${submit}>
        <h1>${props.title}</h1>
        ${said.value ? html`<${Notice} kind=${said.value.kind}>${said.value.text}</${Notice}>` : null}
        <${Failure} error=${error.value} />
        ${slots.default?.(attempt)}
        ${robot.node()}
        <button type="submit" class="button primary" aria-disabled=${busy.value ? "true" : null}>${busy.value && props.going ? props.going : props.go}</button>
      </form>
      ${props.others ? html`<${Others} />` : null}
      <nav class="ways small" aria-label=${t("way")}>${ways(props.here, route.query)}</nav>
      ${slots.foot?.()}
    </div>`;
  },
};
