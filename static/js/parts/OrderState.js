// How orders of payments are told, for who pays and for who operates.
import { word } from "../core/i18n.js";
import { html } from "../html.js";
import { Icon } from "./Icon.js";

export const STATES = ["open", "expired", "paid", "refunded", "charged_back"];
const LOOKS = { open: ["clock", ""], paid: ["check", ""], refunded: ["back", "warning"], charged_back: ["alert", "danger"], expired: ["minus", ""] };

export const OrderState = {
  name: "OrderState",
  props: { state: { type: String, required: true } },
  setup: (props) => () => {
    const [icon, kind] = LOOKS[props.state] ?? ["info", ""];
    return html`<span class=${["word", kind]}><${Icon} name=${icon} />${word("orderstate", props.state)}</span>`;
  },
};

/** Whom an order is paid with: "EPay · Alipay". */
export const providerWord = ({ provider, method }) => [word("provider", provider), method ? word("paymethod", method) : ""].filter(Boolean).join(" · ");

/** What the payer pays, in the payer's currency: a text of the order's own, never reckoned here. */
export const priceText = ({ amount, currency }) => `${amount} ${currency}`;
