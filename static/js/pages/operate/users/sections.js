// The parts of a user's drawer that are tables.
import { RouterLink, useRoute, useRouter } from "vue-router";
import { number, t, word } from "../../../core/i18n.js";
import { nanoOfQuota } from "../../../core/session.js";
import { html } from "../../../html.js";
import { DataTable } from "../../../parts/DataTable.js";
import { Money } from "../../../parts/Money.js";
import { Time } from "../../../parts/Time.js";

const cells = (columns) => columns.map((column) => ({ always: true, ...column }));
const section = (title, body) => html`<section key=${title}><h3>${title}</h3>${body}</section>`;

export function lotsSection(lots) {
  if (!lots.length) return null;
  const columns = cells([
    { id: "source", label: t("users.source"), cell: (lot) => word("users.source", lot.source) },
    { id: "until", label: t("users.until"), class: "two", cell: (lot) => (lot.expires_at ? html`<${Time} at=${lot.expires_at} />` : t("users.forever")) },
    { id: "left", label: t("users.left"), number: true, class: "amount", cell: (lot) => html`<${Money} amount=${lot.left_usd} column />` },
  ]);
  return section(t("users.lots"), html`<${DataTable} columns=${columns} rows=${lots} rowKey=${(lot) => lot.id} caption=${t("users.lots")} />`);
}

/** The newest movements; each opens its explanation. */
const Latest = {
  name: "Latest",
  props: { events: { type: Array, required: true } },
  setup(props) {
    const router = useRouter();
    const route = useRoute();
    const place = (event) => ({ query: { ...route.query, event: event.id } });
    const columns = () => cells([
      { id: "at", label: t("column.time"), class: "two", cell: (event) => html`<${Time} at=${event.ts} />` },
      { id: "type", label: t("column.type"), class: "wide", cell: (event) => word("event", event.type) },
      { id: "amount", label: t("column.amount"), number: true, class: "amount", cell: (event) => html`<${RouterLink} to=${place(event)}><${Money} amount=${event.amount} signed column /></${RouterLink}>` },
    ]);
    return () => html`<${DataTable} columns=${columns()} rows=${props.events} rowKey=${(event) => event.id} caption=${t("users.latest")} opens onOpen=${(event) => router.push(place(event))} />`;
  },
};

export const latestSection = (events) => section(t("users.latest"), html`<${Latest} events=${events} />`);

export function keysSection(keys) {
  const columns = cells([
    { id: "name", label: t("column.name"), class: "wide two", cell: (key) => key.name },
    { id: "status", label: t("column.status"), cell: (key) => word("users.keystatus", key.status) },
    { id: "used", label: t("users.used"), class: "two", cell: (key) => (key.accessed_time ? html`<${Time} at=${key.accessed_time} />` : t("users.never")) },
    { id: "spent", label: t("users.allspent"), number: true, class: "amount", cell: (key) => html`<${Money} nano=${nanoOfQuota(key.used_quota)} column />` },
  ]);
  return section(`${t("nav.keys")} (${number(keys.length)})`, html`<${DataTable} columns=${columns} rows=${keys} rowKey=${(key) => String(key.id)} caption=${t("nav.keys")} />`);
}

export function sessionsSection(sessions) {
  const columns = cells([
    { id: "seen", label: t("users.seen"), class: "two", cell: (one) => html`<${Time} at=${one.seen_time} />` },
    { id: "address", label: t("users.address"), cell: (one) => one.address },
    { id: "agent", label: t("users.agent"), class: "wide two", cell: (one) => one.agent },
  ]);
  return section(t("users.sessions"), html`<${DataTable} columns=${columns} rows=${sessions} rowKey=${(one) => `${one.created_time} ${one.seen_time} ${one.agent}`} caption=${t("users.sessions")} />`);
}
