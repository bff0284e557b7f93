// The columns of the table of users.
import { number, t } from "../../../core/i18n.js";
import { html } from "../../../html.js";
import { Money } from "../../../parts/Money.js";
import { Time } from "../../../parts/Time.js";
import { balanceOf, roleText, statusNode, userLink } from "./words.js";

const nameCell = (row) => html`<span class="user-name"><b>${row.username}</b>${row.display_name && row.display_name !== row.username ? html`<span class="quiet">${row.display_name}</span>` : null}</span>`;

/** `spent` tells {spent, requests} of a user in the period, or undefined before it is known. */
export const columns = (spent) => [
  { id: "name", label: t("column.name"), class: "wide two", always: true, cell: nameCell },
  { id: "role", label: t("users.role"), cell: (row) => roleText(row.role) },
  { id: "group", label: t("column.group"), cell: (row) => row.group },
  { id: "status", label: t("column.status"), always: true, cell: (row) => statusNode(row.status) },
  { id: "email", label: t("users.email"), hidden: true, class: "clip", cell: (row) => row.email },
  { id: "keys", label: t("nav.keys"), number: true, cell: (row) => number(row.key_count) },
  { id: "requests", label: t("users.requests"), number: true, cell: (row) => number(spent(row)?.requests ?? 0) },
  { id: "spent", label: t("users.spent"), number: true, class: "amount", cell: (row) => html`<${Money} nano=${spent(row)?.spent ?? 0n} column />` },
  { id: "balance", label: t("column.balance"), number: true, class: "amount", always: true, cell: (row) => html`<span class=${{ low: row.quota <= 0 }}><${Money} nano=${balanceOf(row)} column down /></span>` },
  { id: "seen", label: t("users.seen"), class: "two", cell: (row) => (row.seen_time ? html`<${Time} at=${row.seen_time} />` : html`<span class="quiet">${t("users.never")}</span>`) },
  { id: "inviter", label: t("users.inviter"), hidden: true, cell: (row) => userLink(row.inviter_id, row.inviter_username) },
  { id: "created", label: t("column.created"), hidden: true, cell: (row) => html`<${Time} at=${row.created_time} day />` },
];
