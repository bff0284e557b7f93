// How redemption codes are written: their status and value.
import { word } from "../../../core/i18n.js";
import { nanoOfQuota } from "../../../core/session.js";
import { html } from "../../../html.js";
import { Icon } from "../../../parts/Icon.js";

export const [UNUSED, OFF, USED] = [1, 2, 3];
const ENDED = "ended";
const SHOWN = { [UNUSED]: ["codes", ""], [OFF]: ["stop", "danger"], [USED]: ["check", ""], [ENDED]: ["clock", "warning"] };

const isOver = (time) => time > 0 && time * 1000 <= Date.now();
/** What a code is now; one whose time is over is no longer unused. */
export const stateOf = (code) => (code.status === UNUSED && isOver(code.expires_time) ? ENDED : code.status);

export function statusNode(code) {
  const state = stateOf(code);
  const [icon, kind] = SHOWN[state] ?? ["info", ""];
  return html`<span class=${`word ${kind}`}><${Icon} name=${icon} />${word("codes.status", state)}</span>`;
}

export const valueOf = (code) => nanoOfQuota(code.quota);
/** "a1b2…9f0e": enough to tell codes apart. */
export const masked = (key) => (key.length > 12 ? `${key.slice(0, 4)}…${key.slice(-4)}` : key);
