// Questions and short news that any page may raise; `Announcer` stands once in the frame and shows them.
import { reactive, ref, watch } from "vue";
import { t } from "../core/i18n.js";
import { html } from "../html.js";
import { Ask } from "./Ask.js";
import { Icon } from "./Icon.js";

const SHOWN_MS = 5000;
const state = reactive({ question: null, news: [] });
let counted = 0;

/**
 * Asks before what cannot be undone. `act` does it; its error stays in the dialog. Resolves to whether it was done.
 * `text` says what will happen, in words; `danger` colours the button.
 */
export function confirm({ title, text, go, act = () => null, danger = true }) {
  return new Promise((resolve) => { state.question = { title, text, go, act, danger, resolve }; });
}

/** A line at the foot of the page for a while: say(t("saved")). `undo`, if given, is a function behind a button. */
export function say(text, { undo = null } = {}) {
  const id = (counted += 1);
  state.news = [...state.news.slice(-2), { id, text, undo }];
  setTimeout(() => drop(id), undo ? 2 * SHOWN_MS : SHOWN_MS);
}

const drop = (id) => { state.news = state.news.filter((one) => one.id !== id); };

function questionNode(question) {
  const { title, text, go, act, danger, resolve } = question;
  const settle = (done) => { state.question = null; resolve(done); };
  const doIt = async () => { await act(); settle(true); };
  return html`<${Ask} key=${title} title=${title} go=${go} danger=${danger} act=${doIt} onClose=${() => state.question && settle(false)}><p>${text}</p></${Ask}>`;
}

/** News stand above whatever layer is open when they come: shown anew, a popover is the topmost. */
function raise(node) {
  if (!node?.showPopover) return;
  if (node.matches(":popover-open")) node.hidePopover();
  node.showPopover();
}

export const Announcer = {
  name: "Announcer",
  setup() {
    const news = ref(null);
    watch(() => state.news.at(-1)?.id, (id) => id && raise(news.value), { flush: "post" });
    return () => html`
    ${state.question ? questionNode(state.question) : null}
    <div class="news" ref=${news} popover="manual" role="status" aria-live="polite">${state.news.map((one) => html`<div class="news-line" key=${one.id}>
      <span>${one.text}</span>
      ${one.undo ? html`<button type="button" class="button bare tiny" onClick=${() => { drop(one.id); one.undo(); }}>${t("undo")}</button>` : null}
      <button type="button" class="button bare icon-only tiny" aria-label=${t("close")} onClick=${() => drop(one.id)}><${Icon} name="close" /></button>
    </div>`)}</div>`;
  },
};
