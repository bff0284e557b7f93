// How an amount came about: the formula with its numbers, where each factor comes from, what was used, class by class.
import { RouterLink } from "vue-router";
import { costText, perUnit, terms, workOut } from "../core/formula.js";
import { number, t, word } from "../core/i18n.js";
import { exactUsd, nanoOf } from "../core/money.js";
import { isAdmin } from "../core/session.js";
import { html } from "../html.js";
import { Icon } from "../parts/Icon.js";
import { section } from "./links.js";

/** Null for factors of a kind that this page does not know; the server's own formula then stands alone. */
function workedOut(body) {
  try {
    return workOut(body);
  } catch (error) {
    if (error instanceof RangeError) return null;
    throw error;
  }
}

/** What follows the product: nothing is charged for a failure; credit may not have been enough. */
function endings(event, worked) {
  const shortfall = BigInt(event.body.shortfall_nano ?? 0);
  if (event.body.outcome === "failed") return { line: t("explain.formula.failed"), nano: 0n };
  if (shortfall <= 0n) return { line: null, nano: worked.nano };
  const charged = worked.nano - shortfall;
  return { line: t("explain.formula.short", { amount: exactUsd(shortfall), charged: exactUsd(charged) }), nano: charged };
}

function rounding(said) {
  const by = said?.rounding?.rounded_up_by;
  if (by === undefined) return null;
  return html`<p class="small quiet">${by === "0" ? t("explain.rounding.none") : t("explain.rounding.up", { by })}</p>`;
}

const alarm = (text) => html`<p class="notice danger" role="alert"><${Icon} name="alert" /><span>${text}</span></p>`;

function verdict(here, booked) {
  return here === booked
    ? html`<p class="small quiet word"><${Icon} name="check" />${t("explain.formula.same")}</p>`
    : alarm(t("explain.formula.differs", { here: exactUsd(here), booked: exactUsd(booked) }));
}

/** Each factor leads to where it comes from: the price version, the group, the channel. */
function sources({ body, explanation }) {
  const { version, group } = explanation?.price ?? body.price ?? {};
  if (version === undefined) return null;
  const admin = isAdmin.value;
  const prices = admin ? { path: "/prices", query: { version } } : { path: "/pricing" };
  return html`<p class="sources small">
    <${RouterLink} to=${prices}>${t("explain.source.version", { version: String(version) })}</${RouterLink}>
    ${group ? html`<${RouterLink} to=${admin ? { path: "/prices", query: { group } } : { path: "/pricing", query: { group } }}>${t("explain.source.group", { group })}</${RouterLink}>` : null}
    ${admin && body.channel ? html`<${RouterLink} to=${{ path: "/channels", query: { channel: body.channel } }}>${t("explain.source.channel", { channel: String(body.channel) })}</${RouterLink}>` : null}
  </p>`;
}

/** Worked out here from the event itself, and whether that gives the amount in the books. */
export function formula(event) {
  const worked = event.type === "usage.charged" ? workedOut(event.body) : null;
  const end = worked ? endings(event, worked) : null;
  const lines = [...(worked?.lines ?? [event.explanation?.formula ?? []].flat().map(String)), end?.line].filter(Boolean);
  if (!lines.length) return null;
  const last = lines.length > 1 ? lines.length - 1 : -1;
  return section(t("explain.formula.title"),
    html`<div class="formula">${lines.map((line, at) => html`<p key=${at} class=${at === last ? "result" : ""}>${line}</p>`)}</div>`,
    sources(event), rounding(event.explanation), end ? verdict(end.nano, -nanoOf(event)) : null,
    event.explanation?.agrees === false ? alarm([t("explain.formula.fault"), event.explanation.fault].filter(Boolean).join(" ")) : null);
}

function usageRow({ name, count, rate, cost }, most) {
  const width = `${Math.max(1, (100 * count) / most)}%`;
  return html`<tr key=${name}><td>${word("class", name)}</td><td class="track"><i style=${{ width }} /></td>
    <td class="number">${number(count)}</td>
    <td class="number">${t(perUnit(name) ? "explain.rate.one" : "explain.rate.million", { rate })}</td>
    <td class="number">${costText(cost)}</td></tr>`;
}

export function usage(body) {
  const used = workedOut(body) ? terms(body) : [];
  if (!used.length) return null;
  const most = Math.max(...used.map(({ count }) => count));
  return section(t("explain.usage.title"), html`<table class="usage">
    <thead><tr><th scope="col" colspan="2">${t("explain.usage.class")}</th>
      ${["amount", "rate", "cost"].map((name) => html`<th key=${name} scope="col" class="number">${t(`explain.usage.${name}`)}</th>`)}</tr></thead>
    <tbody>${used.map((term) => usageRow(term, most))}</tbody></table>`,
  body.usage_source ? html`<p class="small quiet">${t(`explain.counted.${body.usage_source}`)}</p>` : null);
}
