// How users are written: their role, their status, their amounts.
import { RouterLink } from "vue-router";
import { t, word } from "../../../core/i18n.js";
import { nanoOfQuota, ROLES, session } from "../../../core/session.js";
import { html } from "../../../html.js";
import { Icon } from "../../../parts/Icon.js";

export const ENABLED = 1;
export const DISABLED = 2;
export const STATUSES = [ENABLED, DISABLED];
export const RANKS = [ROLES.user, ROLES.admin, ROLES.root];

export const accountOf = (user) => `user:${user.id}`;
export const balanceOf = (user) => nanoOfQuota(user.quota);
export const roleText = (role) => word("users.role", role);

/** Whether the one who looks may change somebody: root everybody, admins those below. */
export const mayChange = (user) => session.user.role === ROLES.root || user.role < session.user.role;

export const statusNode = (status) => (status === ENABLED
  ? html`<span class="word"><${Icon} name="check" />${word("users.status", status)}</span>`
  : html`<span class="word danger"><${Icon} name="stop" />${word("users.status", status)}</span>`);

export const userLink = (id, name) => (id ? html`<${RouterLink} to=${{ path: "/users", query: { user: id } }}>${name || `#${id}`}</${RouterLink}>` : null);
export const secretText = () => {
  const letters = "abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789";
  return [...crypto.getRandomValues(new Uint32Array(16))].map((value) => letters[value % letters.length]).join("");
};
export const periodText = (period) => t(`users.budget.${period}`);
