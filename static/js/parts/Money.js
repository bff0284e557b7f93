// The one money component. Shows the short form; the exact value is its title, its machine value, and what a copy takes.
import { exactUsd, parseUsd, quotaText, shorten } from "../core/money.js";
import { session } from "../core/session.js";
import { html } from "../html.js";
import { point } from "./points.js";

function nanoFrom({ nano, amount }) {
  if (nano !== null && nano !== undefined) return BigInt(nano);
  return amount === null || amount === undefined || amount === "" ? null : parseUsd(amount);
}

const inUsd = () => session.status.display_in_currency !== false;
const parts = (nano, { down = false, full = false }) => (inUsd() ? shorten(nano, { down, full }) : quotaText(nano, { full }));

/** How many digits follow the point of an amount that is shown in full. */
export const digitsOf = (nano) => parts(nano, { full: true }).fraction.length;

/**
 * `nano`: nano-dollars (BigInt or integer), or `amount`: a decimal text in USD. `signed` writes a plus too, as movements do;
 * `column` lines decimal points up under each other; `down` cuts instead of rounding; `full` shortens nothing.
 */
export const Money = {
  name: "Money",
  props: {
    nano: { default: null }, amount: { type: String, default: null },
    signed: Boolean, column: Boolean, down: Boolean, full: Boolean,
  },
  setup: (props) => () => {
    const nano = nanoFrom(props);
    if (nano === null) return html`<span class="quiet">–</span>`;
    const exact = exactUsd(nano);
    const { sign, whole, fraction } = parts(nano, props);
    const front = `${sign || (props.signed && nano > 0n ? "+" : "")}${inUsd() ? "$" : ""}${whole}`;
    const kind = ["exact money", { credit: props.signed && nano > 0n }];
    return props.column
      ? html`<data class=${kind} value=${exact} title="${exact} USD">${front}${point(fraction)}</data>`
      : html`<data class=${kind} value=${exact} title="${exact} USD">${front}${fraction ? `.${fraction}` : ""}</data>`;
  },
};
