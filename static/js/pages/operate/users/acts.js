// What is done to a user; each is asked for before it is done.
import { t } from "../../../core/i18n.js";
import { call, isRoot, ROLES, session } from "../../../core/session.js";
import { html } from "../../../html.js";
import { confirm, say } from "../../../parts/confirm.js";
import { Icon } from "../../../parts/Icon.js";
import { DISABLED, ENABLED } from "./words.js";

const manage = (user, action) => call.post("/api/user/manage", { username: user.username, action });

/** Each: whether it is offered, its icon, and what does it. */
const ACTS = {
  enable: { icon: "check", offered: (user) => user.status === DISABLED, act: (user) => manage(user, "enable") },
  disable: { icon: "stop", offered: (user) => user.status === ENABLED && user.role < ROLES.root, act: (user) => manage(user, "disable") },
  promote: { icon: "up", offered: (user) => isRoot.value && user.role === ROLES.user, act: (user) => manage(user, "promote") },
  demote: { icon: "down", offered: (user) => user.role === ROLES.admin, act: (user) => manage(user, "demote") },
  signout: { icon: "out", offered: (user) => user.id !== session.user.id, act: (user) => call.remove(`/api/user/${user.id}/sessions`) },
  factor: { icon: "lock", offered: (user, { factor }) => factor && user.id !== session.user.id, act: (user) => call.remove(`/api/user/${user.id}/totp`) },
  remove: { icon: "trash", offered: (user) => user.role < ROLES.root, act: (user) => call.remove(`/api/user/${user.id}`) },
};

const GENTLE = ["enable", "promote"];

/** Asks, and does one of them; resolves to whether it was done. */
export async function perform(name, user) {
  const said = { name: user.username };
  const question = { title: t(`users.${name}.title`, said), text: t(`users.${name}.text`, said), go: t(`users.${name}`), act: () => ACTS[name].act(user), danger: !GENTLE.includes(name) };
  if (!(await confirm(question))) return false;
  say(t(`users.${name}.done`, said));
  return true;
}

/** What can be done to a user, by name. */
export const offered = (user, state) => Object.keys(ACTS).filter((name) => ACTS[name].offered(user, state));

/** The entries of a menu for a user; `done` is called with the name of what was done. */
export const actList = (user, state, close, done) => html`<div class="list">${offered(user, state).map((name) => html`
  <button type="button" key=${name} data-act=${name} class=${{ danger: name === "remove" }} onClick=${async () => { close(); if (await perform(name, user)) done(name); }}>
    <${Icon} name=${ACTS[name].icon} />${t(`users.${name}`)}</button>`)}</div>`;
