// The explain drawer: a side sheet over the log for one event.
import * as api from "./api.js";
import { h, fill, icon } from "./dom.js";
import { explanation } from "./explain.js";
import { t } from "./i18n.js";
import { failure } from "./notice.js";

function iconButton(name, label, click) {
  return h("button.button.bare.icon-only", { type: "button", "aria-label": label, title: label, on: { click } }, icon(name));
}

/** `onChange` is called when the event shown was changed from here, after the drawer has read it again. */
export function openDrawer(session, first, { beside, go, onClose, onChange }) {
  const body = h("div.drawer-body", { tabindex: "-1" });
  const step = (by) => () => {
    const row = beside(by);
    if (row) go(row);
  };
  const previous = iconButton("up", t("explain.previous"), step(-1));
  const next = iconButton("down", t("explain.next"), step(1));
  const leave = iconButton("close", t("close"), () => dialog.close());
  const dialog = h("dialog.drawer", { "aria-labelledby": "explain-title" },
    h("div.drawer-head", {}, h("h2", { id: "explain-title" }, t("explain.title")), previous, next, leave),
    body);
  let shown = null;

  async function show(id) {
    if (id === shown) return;
    shown = id;
    previous.disabled = !beside(-1);
    next.disabled = !beside(1);
    fill(body, h("p.quiet", { role: "status" }, t("explain.loading")));
    try {
      const answer = await session.guard(() => api.get(`${session.ledger()}/events/${encodeURIComponent(id)}`));
      if (shown === id) fill(body, explanation(answer, { session, onChange: () => { again(id); onChange?.(); } }));
      body.scrollTop = 0;
    } catch (error) {
      if (shown === id) fill(body, failure(error, { retry: () => again(id) }));
    }
  }

  /** Reads the event again, unless another one is shown by now. */
  function again(id) {
    if (shown !== id) return;
    shown = null;
    show(id);
  }

  dialog.addEventListener("click", (event) => {
    if (event.target === dialog) dialog.close();
  });
  dialog.addEventListener("keydown", (event) => {
    const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (by && !event.target.closest("pre")) step(by)();
  });
  dialog.addEventListener("close", () => {
    dialog.remove();
    onClose();
  });
  document.body.append(dialog);
  dialog.showModal();
  leave.focus({ focusVisible: false });
  show(first);
  return { show, close: () => dialog.open && dialog.close() };
}
