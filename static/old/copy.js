// Copying. Whatever shows a shortened value (money, a masked key) is copied whole.
import { h, icon, fill } from "./dom.js";
import { t } from "./i18n.js";

/** A selection as text, with every `data.exact` replaced by its full value; cells become tabs, rows become lines. */
function textOf(node) {
  if (node.nodeType === Node.TEXT_NODE) return node.data;
  if (node.nodeName === "DATA" && node.classList.contains("exact")) return node.getAttribute("value");
  const inside = [...node.childNodes].map(textOf).join("");
  if (node.nodeName === "TD" || node.nodeName === "TH") return `${inside}\t`;
  return /^(TR|DIV|P|DT|DD|LI|SECTION|H[1-6])$/.test(node.nodeName) ? `${inside.replace(/\t$/, "")}\n` : inside;
}

export function installExactCopy() {
  document.addEventListener("copy", (event) => {
    const selection = document.getSelection();
    if (!selection?.rangeCount || selection.isCollapsed) return;
    const range = selection.getRangeAt(0);
    const around = range.commonAncestorContainer;
    const within = (around.nodeType === Node.TEXT_NODE ? around.parentElement : around)?.closest?.("data.exact");
    const fragment = range.cloneContents();
    if (!within && !fragment.querySelector("data.exact")) return;
    event.clipboardData.setData("text/plain", within ? within.getAttribute("value") : textOf(fragment).trimEnd());
    event.preventDefault();
  });
}

async function write(text) {
  if (navigator.clipboard && window.isSecureContext) return navigator.clipboard.writeText(text);
  // Plain http on another host has no clipboard API; the old way still works there.
  const area = h("textarea.visually-hidden", { "aria-hidden": "true" });
  area.value = text;
  (document.querySelector("dialog[open]") ?? document.body).append(area);
  area.select();
  const done = document.execCommand("copy");
  area.remove();
  if (!done) throw new Error("the browser refused to copy");
}

/** A button that copies what `read()` gives and says that it did. */
export function copyButton(read, { label, words = false, tiny = true } = {}) {
  const name = label ?? t("copy");
  const face = words ? [icon("copy"), name] : [icon("copy")];
  const shape = `button.${words ? "button" : "button.bare.icon-only"}${tiny ? ".tiny" : ""}`;
  const button = h(shape, { type: "button", title: words ? null : name, "aria-label": name });
  fill(button, face);
  let back = 0;
  const say = (glyph, text) => {
    fill(button, icon(glyph), words ? text : null);
    button.setAttribute("aria-label", text);
    clearTimeout(back);
    back = setTimeout(() => {
      fill(button, face);
      button.setAttribute("aria-label", name);
    }, 1600);
  };
  button.addEventListener("click", async (event) => {
    event.stopPropagation();
    try {
      await write(await read());
      say("check", t("copied"));
    } catch {
      say("alert", t("copy.failed"));
    }
  });
  return button;
}
