// The controls above the log. What they hold is in the address.
import { h, icon } from "./dom.js";
import { t } from "./i18n.js";
import { change } from "./route.js";
import { RANGES } from "./time.js";

const TYPES = ["0", "2", "1", "3", "4"];
export const DEFAULT_RANGE = "7d";

export function fromParams(params) {
  return {
    range: RANGES.includes(params.range) ? params.range : DEFAULT_RANGE,
    model: params.model ?? "",
    type: TYPES.includes(params.type) ? params.type : "0",
  };
}

export const isNarrow = (filter) => Boolean(filter.model) || filter.type !== "0";

function rangeControl(filter) {
  return h("div.segments", { role: "radiogroup", "aria-label": t("filter.range") }, RANGES.map((range) =>
    h("label", {},
      h("input", {
        type: "radio", name: "range", value: range, checked: range === filter.range,
        on: { change: () => change({ range: range === DEFAULT_RANGE ? "" : range }) },
      }),
      h("span", {}, t(`filter.${range}`)))));
}

function modelControl(filter, session) {
  const list = h("datalist", { id: "models" });
  const offer = () => list.replaceChildren(...session.models.map((name) => h("option", { value: name })));
  offer();
  const dispose = session.onChange(offer);
  let wait = 0;
  const input = h("input", {
    name: "model", list: "models", value: filter.model, placeholder: t("filter.anyModel"), autocomplete: "off",
    autocapitalize: "none", spellcheck: "false", "aria-keyshortcuts": "/",
  });
  const apply = () => {
    clearTimeout(wait);
    change({ model: input.value.trim() });
  };
  input.addEventListener("input", () => {
    clearTimeout(wait);
    wait = setTimeout(apply, 350);
  });
  input.addEventListener("change", apply);
  return { node: h("label.field.silent", {}, h("span", {}, t("filter.model")), input, list), input, dispose };
}

function typeControl(filter) {
  const select = h("select", { name: "type", on: { change: () => change({ type: select.value === "0" ? "" : select.value }) } },
    TYPES.map((type) => h("option", { value: type, selected: type === filter.type }, t(`type.${type}`))));
  return h("label.field.silent.narrow", {}, h("span", {}, t("filter.type")), select);
}

export function filterBar(filter, session, { onRefresh }) {
  const model = modelControl(filter, session);
  const clear = h("button.button.bare", {
    type: "button", hidden: !isNarrow(filter), id: "clear", on: { click: () => clearFilters() },
  }, t("filter.clear"));
  const node = h("div.bar", { role: "search" },
    rangeControl(filter), model.node, typeControl(filter), clear,
    h("button.button.bare.icon-only.end", { type: "button", title: t("refresh"), "aria-label": t("refresh"), id: "refresh", on: { click: onRefresh } },
      icon("refresh")));
  const show = (now) => {
    clear.hidden = !isNarrow(now);
    if (document.activeElement !== model.input) model.input.value = now.model;
    node.querySelector(`input[value="${now.range}"]`).checked = true;
    node.querySelector("select").value = now.type;
  };
  return { node, show, focus: () => model.input.focus(), dispose: model.dispose };
}

export function clearFilters() {
  change({ model: "", type: "" });
}
