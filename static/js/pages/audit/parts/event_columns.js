// How an event is shown in a row.
import { RouterLink } from "vue-router";
import { number, t, word } from "../../../core/i18n.js";
import { nanoOf, shortUsd } from "../../../core/money.js";
import { html } from "../../../html.js";
import { Copy } from "../../../parts/Copy.js";
import { Icon } from "../../../parts/Icon.js";
import { Money } from "../../../parts/Money.js";
import { Time } from "../../../parts/Time.js";
import { Account } from "./Account.js";

export const TYPES = [
  "usage.charged", "usage.reversed", "recharge.credited", "recharge.reversed", "redemption.redeemed", "redemption.issued", "redemption.revoked",
  "balance.adjusted", "balance.opened", "grant.signup", "grant.invitee", "grant.inviter", "lot.expired", "price.published", "audit.recorded",
  "ledger.sealed", "ledger.archived", "epoch.closed",
];
const SHORT = 10;

/** What an event is about, in its own words. */
function about({ type, body = {} }) {
  if (type === "audit.recorded") return `${word("action", body.action)} · ${body.object}`;
  if (type === "ledger.sealed") return t("books.seal", { number: number(body.number) });
  if (type === "price.published") return [t("ledger.version", { number: body.version ?? "" }), body.note].filter(Boolean).join(" · ");
  return body.model ?? body.reason ?? body.remark ?? body.name ?? body.reference ?? null;
}

function mark(seal) {
  if (seal === null) return null;
  const said = seal ? t("ledger.sealedBy", { number: number(seal) }) : t("ledger.notSealed");
  return html`<span class=${["seal-mark", { open: !seal }]} role="img" aria-label=${said} title=${said}><${Icon} name=${seal ? "lock" : "clock"} /></span>`;
}

function amount(row, to) {
  const nano = row.line ? nanoOf(row.line) : nanoOf(row);
  if (nano === null || nano === 0n) return null;
  return html`<${RouterLink} to=${to(row.id)} class=${{ credit: nano > 0n }} aria-label=${t("ledger.explain", { amount: shortUsd(nano, { signed: true }) })}>
    <${Money} nano=${nano} signed column /></${RouterLink}>`;
}

/** `to(id)`: where a row's amount leads; `balances`: there is one account, and its balance after each event. */
export const columns = ({ to, sealedBy, balances }) => [
  { id: "seal", label: t("ledger.seal"), class: "mark", cell: (row) => mark(sealedBy(row)) },
  { id: "at", label: t("column.time"), class: "two", always: true, cell: (row) => html`<${Time} at=${row.ts} />` },
  { id: "type", label: t("column.type"), always: true, cell: (row) => word("event", row.type) },
  { id: "account", label: t("column.account"), class: "clip", cell: (row) => html`<${Account} of=${row.account} />` },
  { id: "about", label: t("ledger.about"), class: "wide two", cell: about },
  { id: "actor", label: t("column.actor"), hidden: true, cell: (row) => html`<${Account} of=${row.actor} plain />` },
  { id: "number", label: t("ledger.number"), number: true, hidden: true, cell: (row) => `${row.writer}.${number(row.seq)}` },
  { id: "hash", label: t("ledger.hash"), cell: (row) => html`<span class="row hash"><code title=${row.hash}>${row.hash.slice(0, SHORT)}</code><${Copy} text=${row.hash} label=${t("ledger.copyHash")} /></span>` },
  { id: "id", label: t("ledger.id"), hidden: true, class: "clip", cell: (row) => html`<code>${row.id}</code>` },
  { id: "amount", label: t("column.amount"), number: true, class: "amount", always: true, cell: (row) => amount(row, to) },
  ...(balances ? [{ id: "balance", label: t("column.balance"), number: true, class: "amount", always: true, cell: (row) => (row.line ? html`<${Money} nano=${nanoOf(row.line, "balance")} column full />` : null) }] : []),
];
