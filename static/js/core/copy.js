// Copying. Whatever shows a shortened value (money, a masked key) is copied whole.

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

/** Puts text on the clipboard. Throws when the browser refuses. */
export async function copyText(text) {
  if (navigator.clipboard && window.isSecureContext) return navigator.clipboard.writeText(text);
  // Plain http on another host has no clipboard API; the old way still works there.
  const area = document.createElement("textarea");
  area.className = "visually-hidden";
  area.setAttribute("aria-hidden", "true");
  area.value = text;
  ([...document.querySelectorAll("dialog[open]")].at(-1) ?? document.body).append(area);
  area.select();
  const done = document.execCommand("copy");
  area.remove();
  if (!done) throw new Error("the browser refused to copy");
}
