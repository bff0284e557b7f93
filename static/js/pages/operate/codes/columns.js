// The columns of codes and of their batches.
import { RouterLink } from "vue-router";
import { number, t } from "../../../core/i18n.js";
import { parseUsd } from "../../../core/money.js";
import { html } from "../../../html.js";
import { Copy } from "../../../parts/Copy.js";
import { Icon } from "../../../parts/Icon.js";
import { Menu } from "../../../parts/Menu.js";
import { Money } from "../../../parts/Money.js";
import { Time } from "../../../parts/Time.js";
import { userLink } from "../users/words.js";
import { masked, OFF, statusNode, UNUSED, valueOf } from "./words.js";

const codeCell = (code) => html`<span class="row code"><data class="exact mono" value=${code.key}>${masked(code.key)}</data><${Copy} text=${code.key} label=${t("codes.copy")} /></span>`;

/** Who redeemed a code and when; the time opens the event that did it. */
function redeemedCell(code, event) {
  if (!code.redeemed_time) return null;
  return html`<span class="row">${userLink(code.redeemed_user_id, code.redeemed_username)}<${RouterLink} class="quiet" to=${event(`redeem:${code.id}`)}><${Time} at=${code.redeemed_time} /></${RouterLink}></span>`;
}

function menu(code, act) {
  const entry = (name, icon, close) => html`<button type="button" data-act=${name} class=${{ danger: name === "remove" }} onClick=${() => { close(); act(name, code); }}><${Icon} name=${icon} />${t(`codes.${name}`)}</button>`;
  return html`<${Menu} label=${t("codes.more", { name: code.name })} icon="more" end tiny>${(close) => html`<div class="list">
    ${code.status === UNUSED ? entry("disable", "stop", close) : null}${code.status === OFF ? entry("enable", "check", close) : null}${entry("remove", "trash", close)}</div>`}</${Menu}>`;
}

/** `act(name, code)` does something to a code, `event(id)` and `batch(id)` are addresses. */
export const codeColumns = ({ act, event, batch }) => [
  { id: "code", label: t("codes.code"), always: true, class: "two", cell: codeCell },
  { id: "name", label: t("column.name"), class: "clip", cell: (code) => code.name },
  { id: "batch", label: t("codes.batch"), cell: (code) => (code.batch ? html`<${RouterLink} to=${batch(code.batch)}>#${code.batch}</${RouterLink}>` : null) },
  { id: "status", label: t("column.status"), always: true, cell: statusNode },
  { id: "redeemed", label: t("codes.redeemed"), class: "wide two", cell: (code) => redeemedCell(code, event) },
  { id: "expires", label: t("codes.expires"), cell: (code) => (code.expires_time ? html`<${Time} at=${code.expires_time} day />` : null) },
  { id: "created", label: t("column.created"), hidden: true, cell: (code) => html`<${Time} at=${code.created_time} day />` },
  { id: "value", label: t("codes.value"), number: true, class: "amount", always: true, cell: (code) => html`<${Money} nano=${valueOf(code)} column />` },
  { id: "acts", label: t("codes.acts"), silent: true, always: true, class: "acts", cell: (code) => menu(code, act) },
];

const totalOf = ({ value_nano: nano, count }) => BigInt(nano) * BigInt(count);

/** Batches as the events that issued them tell. */
export const batchColumns = () => [
  { id: "batch", label: t("codes.batch"), always: true, cell: ({ body }) => `#${body.batch}` },
  { id: "name", label: t("column.name"), class: "wide two", always: true, cell: ({ body }) => body.name },
  { id: "at", label: t("column.created"), class: "two", cell: (event) => html`<${Time} at=${event.ts} />` },
  { id: "expires", label: t("codes.expires"), cell: ({ body }) => (body.expires_s ? html`<${Time} at=${body.expires_s} day />` : null) },
  { id: "count", label: t("codes.count"), number: true, cell: ({ body }) => number(body.count) },
  { id: "value", label: t("codes.value"), number: true, class: "amount", cell: ({ body }) => html`<${Money} nano=${body.value_nano} column />` },
  { id: "total", label: t("codes.total"), number: true, class: "amount", cell: ({ body }) => html`<${Money} nano=${totalOf(body)} column />` },
];

export const batchTotal = (batch, count) => parseUsd(batch.amount) * BigInt(count);
