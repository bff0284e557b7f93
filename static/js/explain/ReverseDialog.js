// What reversing a charge would do, and doing it: at once, or as a proposal for another admin.
import { onMounted, ref, shallowRef } from "vue";
import { t } from "../core/i18n.js";
import { useLoad } from "../core/load.js";
import { parseUsd } from "../core/money.js";
import { call } from "../core/session.js";
import { bind, html } from "../html.js";
import { Ask } from "../parts/Ask.js";
import { Failure, Notice } from "../parts/Failure.js";
import { Field } from "../parts/Field.js";
import { Money } from "../parts/Money.js";
import { Facts } from "../parts/Page.js";
import { Time } from "../parts/Time.js";

const MAX_REASON = 500;
const SAID = { done: "reverse.done", approved: "reverse.running" };

const shown = (numbers, event) => html`<${Facts} pairs=${[
  [t("reverse.gives"), html`<${Money} amount=${numbers.total} full />`],
  [t("reverse.to"), numbers.users.map(({ account }) => html`<div key=${account} class="mono">${account}</div>`)],
  [t("field.model"), numbers.models.map(({ model }) => model).filter(Boolean).join(t("comma"))],
  [t("reverse.chargedAt"), html`<${Time} at=${event.at} />`],
]} />`;

function outcome(document) {
  if (document.state === "proposed") return html`<${Notice} kind="warning">${t("reverse.proposed")}</${Notice}>`;
  const amount = parseUsd(document.state === "done" ? document.progress.amount : document.total);
  return html`<${Notice} kind="good">${t(SAID[document.state] ?? SAID.approved)} <${Money} nano=${amount} full /></${Notice}>`;
}

export const ReverseDialog = {
  name: "ReverseDialog",
  props: { event: { type: Object, required: true } },
  emits: ["close", "done"],
  setup(props, { emit }) {
    const form = ref({ reason: "", missing: false });
    const result = shallowRef(null);
    const send = async (body) => (await call.post("/api/ledger/reverse", { event: props.event.id, ...body })).data;
    const { data: numbers, error, run } = useLoad(() => send({ dry_run: true }));
    onMounted(() => run());
    async function act() {
      const reason = form.value.reason.trim();
      form.value.missing = !reason;
      if (!reason) return false;
      result.value = await send({ reason, digest: numbers.value.digest });
      return true;
    }
    /** The page reads again only now: the dialog stands in what is drawn anew then. */
    const close = () => { emit("close"); if (result.value) emit("done"); };
    const question = () => {
      if (error.value) return html`<${Failure} error=${error.value} retry=${() => run()} />`;
      if (!numbers.value) return html`<p class="quiet" role="status">${t("reverse.looking")}</p>`;
      if (!numbers.value.count) return html`<p>${t("reverse.nothing")}</p>`;
      return html`<p class="quiet">${t("reverse.dryRun")}</p>${shown(numbers.value, props.event)}
        <${Notice} kind=${numbers.value.needs_approval ? "warning" : "info"}>${t(numbers.value.needs_approval ? "reverse.needsOther" : "reverse.alone")}</${Notice}>
        <${Field} label=${t("field.reason")} error=${form.value.missing ? t("reverse.needsReason") : ""}>${(given) => html`
          <input class="input" ...${given} name="reason" maxlength=${MAX_REASON} autocomplete="off" autofocus ...${bind(form.value, "reason")} />`}</${Field}>`;
    };
    return () => html`<${Ask} title=${t("reverse.title")} go=${t(numbers.value?.needs_approval ? "reverse.propose" : "reverse.go")} act=${act} danger
      ready=${Boolean(numbers.value?.count)} onClose=${close}>${{ default: question, done: () => outcome(result.value) }}</${Ask}>`;
  },
};
