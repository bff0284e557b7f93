// Approving, rejecting or withdrawing a proposal, with its numbers in sight.
import { ref } from "vue";
import { t } from "../../../core/i18n.js";
import { call } from "../../../core/session.js";
import { html } from "../../../html.js";
import { Ask } from "../../../parts/Ask.js";
import { Notice } from "../../../parts/Failure.js";
import { Field } from "../../../parts/Field.js";
import { Money } from "../../../parts/Money.js";
import { Numbers, person } from "./reversal_columns.js";

const MAX_REASON = 500;

/** `act` is "approve", "reject" or "withdraw". "done" is emitted whatever came of it: a refusal may mean that the numbers have changed. */
export const Decide = {
  name: "Decide",
  props: { one: { type: Object, required: true }, act: { type: String, required: true } },
  emits: ["close", "done"],
  setup({ one, act }, { emit }) {
    const reason = ref("");
    const outcome = ref(null);
    const approves = act === "approve";
    async function decide() {
      const body = approves ? { digest: one.digest } : { reason: reason.value.trim() };
      outcome.value = (await call.post(`/api/ledger/reversals/${encodeURIComponent(one.id)}/${approves ? "approve" : "reject"}`, body)).data;
    }
    function done() {
      if (!approves) return html`<${Notice} kind="good">${t(act === "withdraw" ? "reversal.withdrawn" : "reversal.rejected")}</${Notice}>`;
      const ended = outcome.value.state === "done";
      return html`<${Notice} kind="good">${t(ended ? "giveback.done" : "giveback.running")} <${Money} amount=${ended ? outcome.value.progress.amount : outcome.value.total} full /></${Notice}>`;
    }
    const close = () => { emit("done"); emit("close"); };
    const form = () => html`
      <p class="quiet">${t(approves ? "reversal.approve.hint" : "reversal.reject.hint")}</p>
      ${Numbers(one, [[t("reversal.proposer"), person(one.proposer)], [t("reversal.reason"), one.reason]])}
      ${approves ? null : html`<${Field} label=${t("reversal.rejectReason")}>${(given) => html`<input ...${given} name="reason" maxlength=${MAX_REASON} autocomplete="off"
        value=${reason.value} onInput=${({ target }) => { reason.value = target.value; }} />`}</${Field}>`}`;
    return () => html`<${Ask} title=${t(`reversal.${act}.title`)} go=${t(`reversal.${act}`)} act=${decide} onClose=${close}>${{ default: form, done }}</${Ask}>`;
  },
};
