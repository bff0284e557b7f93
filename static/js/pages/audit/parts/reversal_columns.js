// A reversal as a row: who proposed it, of what, why, what it gives back and what became of it.
import { RouterLink } from "vue-router";
import { number, t, word } from "../../../core/i18n.js";
import { nameOf } from "../../../core/names.js";
import { html } from "../../../html.js";
import { Money } from "../../../parts/Money.js";
import { Facts } from "../../../parts/Page.js";
import { Time } from "../../../parts/Time.js";

/** Users that a dialog names. */
const SHOWN = 5;

export const person = (one) => (one ? html`<span title=${one.account} class=${{ mono: !one.username }}>${one.username || one.account}</span>` : null);
export const filterText = (filter) => Object.entries(filter ?? {}).map(([name, value]) => `${word("filter.by", name)} ${value}`).join(t("comma"));

/** One event as a link, or what a filter names. */
function what({ event, filter }, to) {
  if (event) return html`<${RouterLink} class="mono" to=${to(event)} title=${event}>${event}</${RouterLink}>`;
  return html`<span title=${filterText(filter)}>${filterText(filter)}</span>`;
}

export function state(one) {
  return html`<span>${word("reversal.state", one.state)}${one.approver ? [t("comma"), person(one.approver)] : null}${one.note ? `: ${one.note}` : null}</span>`;
}

/** How far it is, or what it did. */
export function progress({ state: now, progress: done, count }) {
  if (now === "rejected") return null;
  const said = t("reversal.progress", { count: done.reversed, of: number(count) });
  return html`<span>${said}${t("comma")}<${Money} amount=${done.amount} full />${done.skipped ? html`<span class="quiet">${t("comma")}${t("reversal.skipped", { count: done.skipped })}</span>` : null}</span>`;
}

export const columns = (to) => [
  { id: "proposed", label: t("reversal.proposed"), class: "two", cell: (one) => html`<${Time} at=${one.proposed} />` },
  { id: "proposer", label: t("reversal.proposer"), cell: (one) => person(one.proposer) },
  { id: "what", label: t("reversal.what"), class: "clip two", cell: (one) => what(one, to) },
  { id: "reason", label: t("reversal.reason"), class: "wide two loose", cell: (one) => one.reason },
  { id: "count", label: t("reversal.count"), number: true, cell: (one) => number(one.count) },
  { id: "total", label: t("reversal.total"), number: true, class: "amount", cell: (one) => html`<${Money} amount=${one.total} column full />` },
];

/** What a reversal would do, or does: {count, total, users, models}. */
export function Numbers(numbers, more = []) {
  const users = numbers.users.slice(0, SHOWN).map((user) => html`<div key=${user.account}>${user.username || nameOf(user.account) || user.account} <${Money} amount=${user.amount} full /></div>`);
  if (numbers.users.length > SHOWN) users.push(html`<div class="quiet" key="more">${t("findings.more", { count: numbers.users.length - SHOWN })}</div>`);
  const models = (numbers.models ?? []).map(({ model }) => model).filter(Boolean).join(t("comma"));
  return html`<${Facts} pairs=${[
    [t("reversal.count"), number(numbers.count)], [t("reversal.total"), html`<${Money} amount=${numbers.total} full />`],
    [t("reversal.users"), users.length ? users : null], [t("column.model"), models], ...more,
  ]} />`;
}
