// The small dialog in which something is asked before it is done.
import { h, fill } from "./dom.js";
import { t } from "./i18n.js";
import { failure } from "./notice.js";

let opened = 0;

/**
 * Shows `content` with a button to go on and one to leave. `act(say)` does it: what it returns is shown in place of the
 * question, and an error stays with the question. `ready` false keeps the button away until `enable()`.
 */
export function ask({ title, content, go, ready = true, act, onClose }) {
  const id = `ask-${(opened += 1)}`;
  const says = h("div", { "aria-live": "polite" });
  const button = h("button.button.primary", { type: "submit", hidden: !ready }, go);
  const leave = h("button.button", { type: "button", on: { click: () => dialog.close() } }, t("cancel"));
  const body = h("div.stack", {}, content);
  const form = h("form.stack", { novalidate: true }, h("h2", { id }, title), body, says, h("div.row.end", {}, leave, button));
  const dialog = h("dialog.small-dialog", { "aria-labelledby": id }, form);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (button.hidden || button.getAttribute("aria-disabled") === "true") return;
    button.setAttribute("aria-disabled", "true");
    try {
      const done = await act((problem) => fill(says, h("p.notice.warning", { role: "alert" }, problem)));
      if (done) {
        fill(says);
        fill(body, done);
        button.hidden = true;
        leave.textContent = t("close");
        leave.focus();
      }
    } catch (error) {
      fill(says, failure(error));
    }
    button.setAttribute("aria-disabled", "false");
  });
  dialog.addEventListener("close", () => {
    dialog.remove();
    onClose?.();
  });
  document.body.append(dialog);
  dialog.showModal();
  return {
    fill: (...content_) => fill(body, content_),
    enable: (label) => { button.hidden = false; if (label) button.textContent = label; },
    close: () => dialog.open && dialog.close(),
  };
}
