// What needs an eye now: a line for each kind, with the way to where it is mended. Nothing is shown when all is well but that it is.
import { RouterLink } from "vue-router";
import { t } from "../../../core/i18n.js";
import { duration } from "../../../core/time.js";
import { html } from "../../../html.js";
import { Icon } from "../../../parts/Icon.js";
import { Money } from "../../../parts/Money.js";
import { Time } from "../../../parts/Time.js";

const NAMED = 5;
const link = (to, text) => html`<${RouterLink} to=${to}>${text}</${RouterLink}>`;
const channel = ({ id, name }) => link({ path: "/channels", query: { channel: id } }, name || `#${id}`);

/** By kind: where it is mended, and how each one of it is written. */
const KINDS = {
  channels_none: { to: { path: "/channels", query: { add: "" } } },
  channels_off: { to: "/channels", each: channel },
  channels_resting: { to: "/channels", each: (item) => html`${channel(item)} ${duration(item.seconds * 1000)}` },
  channels_uncosted: { to: "/channels", each: channel },
  models_unpriced: { to: "/prices", each: ({ name }) => link({ path: "/prices", query: { q: name } }, html`<span class="mono">${name}</span>`) },
  users_low: { to: "/users", each: ({ id, name, balance }) => html`${link({ path: "/users", query: { user: id } }, name)} <${Money} amount=${balance} down />` },
  audit_findings: { to: "/verify", each: ({ name, message }) => html`<span title=${message}>${name}</span>` },
  audit_late: { to: "/verify", each: ({ at }) => html`<${Time} at=${at} />` },
  books_unsealed: { to: "/verify", each: ({ number, at }) => html`${t("attention.seal", { number: String(number) })} <${Time} at=${at} />` },
  notices_dead: { to: { path: "/notices", query: { state: "dead" } }, each: ({ name }) => html`<span>${name}</span>` },
  reversals_waiting: { to: "/reversals" },
};

function line({ kind, level, count, items }) {
  const known = KINDS[kind] ?? { to: "/verify" };
  const named = known.each ? items.slice(0, NAMED) : [];
  return html`<li key=${kind} class=${`attention-line ${level}`} data-kind=${kind}>
    <${Icon} name=${level === "info" ? "info" : "alert"} />
    <div><p>${t(`attention.${kind}`, { count })}</p>
      ${named.length ? html`<p class="small attention-names">${named.map((item) => html`<span key=${item.id ?? item.name ?? item.at}>${known.each(item)}</span>`)}
        ${count > named.length ? html`<span class="quiet">${t("attention.more", { count: count - named.length })}</span>` : null}</p>` : null}</div>
    <${RouterLink} class="button tiny" to=${known.to}>${t(`attention.${kind}.go`)}</${RouterLink}></li>`;
}

/** `items` as GET /api/attention answers them; null before they are known. */
export const Attention = {
  name: "Attention",
  props: { items: { type: Array, default: null } },
  setup: (props) => () => (props.items === null ? null : html`<section aria-labelledby="attention"><h2 id="attention">${t("attention")}</h2>
    ${props.items.length
      ? html`<ul class="attention">${props.items.map(line)}</ul>`
      : html`<p class="attention-well"><${Icon} name="check" /><span>${t("attention.well")}</span></p>`}</section>`),
};
