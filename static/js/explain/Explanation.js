// What one event says about itself, top to bottom: amount, whether it was given back, formula, facts, usage, price, timing,
// attempts, hold, cost, proof, JSON.
import { t, word } from "../core/i18n.js";
import { exactUsd, nanoOf } from "../core/money.js";
import { isAdmin } from "../core/session.js";
import { html } from "../html.js";
import { Copy } from "../parts/Copy.js";
import { Money } from "../parts/Money.js";
import { Facts } from "../parts/Page.js";
import { Time } from "../parts/Time.js";
import { formula, usage } from "./formula.js";
import { AccountName, EventLink, mono, Outcome, section } from "./links.js";
import { Receipt } from "./Receipt.js";
import { Reversal } from "./Reversal.js";
import { attempts, cost, hold, price, proof, raw, timing } from "./settlement.js";

function top(event) {
  const nano = nanoOf(event);
  const exact = exactUsd(nano);
  return html`<section>
    <div class="lead-amount"><${Money} nano=${nano} signed /><${Copy} text=${exact} /></div>
    <p class="lead-exact">${t("explain.exact", { amount: exact.replace("-", "\u2212") })}</p></section>`;
}

function facts(event) {
  const { body } = event;
  const taken = body.charge ?? body.recharge;
  return html`<section><${Facts} pairs=${[
    [t("field.when"), html`<${Time} at=${event.at} />`],
    [t("field.type"), word("event", event.type)],
    [t("field.outcome"), body.outcome ? html`<${Outcome} outcome=${body.outcome} />` : null],
    [t("field.policy"), body.outcome === "complete" ? null : body.policy && word("policy", body.policy)],
    [t("field.model"), body.model],
    [t("field.served"), body.served_model !== body.model ? body.served_model : null],
    [t("field.endpoint"), body.endpoint && (body.stream ? `${body.endpoint}${t("comma")}${t("log.stream")}` : body.endpoint)],
    [t("field.account"), html`<${AccountName} account=${event.account} />`],
    [t("field.actor"), event.actor ? html`<${AccountName} account=${event.actor} />` : null],
    [t("field.name"), body.name],
    [t("field.takesBack"), taken ? html`<${EventLink} id=${taken} />` : null],
    [t("reversal.approver"), body.approver ? html`<${AccountName} account=${body.approver} />` : null],
    [t("field.reason"), body.reason],
    [t("field.reference"), mono(body.reference)],
    [t("field.remark"), body.remark],
    [t("field.request"), mono(body.request_id)],
    [t("field.upstream"), mono(body.upstream_request_id)],
  ]} /></section>`;
}

const CHARGE = "usage.charged";
/** Whether there is anything to say of giving it back. */
const correctable = (event) => Boolean(event.explanation?.reversal) || (event.type === CHARGE && nanoOf(event) !== 0n && isAdmin.value);

/** `answer` is the answer of /events/:id, with its text as it came. Emits "change" when the event was reversed here, or that proposed. */
export const Explanation = {
  name: "Explanation",
  props: { answer: { type: Object, required: true } },
  emits: ["change"],
  setup: (props, { emit }) => () => {
    const event = { ...props.answer.data, body: props.answer.data.body ?? {} };
    const reversed = Boolean(event.explanation?.reversal);
    const corrected = correctable(event)
      ? section(t("reversal.title"), html`<${Reversal} event=${event} onChange=${() => emit("change")} />`) : null;
    return [
      top(event), reversed ? corrected : null, formula(event), facts(event), usage(event.body), price(event), timing(event.body),
      attempts(event), hold(event), cost(event), proof(event, html`<${Receipt} event=${event} />`), reversed ? null : corrected, raw(props.answer.text),
    ];
  },
};
