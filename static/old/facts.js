// Sections and lists of facts, as the drawer and the books show them.
import { h } from "./dom.js";
import { copyButton } from "./copy.js";
import { t } from "./i18n.js";

export const section = (title, ...content) => h("section", {}, h("h3", {}, title), content);

/** [[label's key, value]] as a list; what has no value is left out. */
export function pairs(rows, cls = "") {
  const filled = rows.filter(([, value]) => value !== null && value !== undefined && value !== "");
  return h("dl.facts", { class: cls }, filled.map(([label, value]) => [h("dt", {}, t(label)), h("dd", {}, value)]));
}

export const mono = (text) => (text ? h("span.mono", {}, text) : null);

/** Text in full with a button that copies it. */
export const copied = (text, label) => [h("span", {}, text), copyButton(() => text, { label })];
