// Builds elements. Data only ever becomes text or an attribute, never markup.
const SVG = "http://www.w3.org/2000/svg";

/**
 * h("a.button", { href, on: { click } }, "text", child, null)
 * Properties: `on` (listeners), `data` (data-*), anything else is an attribute; true sets it bare, false/null leaves it out.
 */
export function h(spec, props = {}, ...children) {
  const [tag, ...classes] = spec.split(".");
  const node = document.createElement(tag || "div");
  if (classes.length) node.className = classes.join(" ");
  for (const [name, value] of Object.entries(props ?? {})) set(node, name, value);
  put(node, children);
  return node;
}

function set(node, name, value) {
  if (value === null || value === undefined || value === false) return;
  if (name === "on") {
    for (const [event, listener] of Object.entries(value)) node.addEventListener(event, listener);
  } else if (name === "data") {
    for (const [key, text] of Object.entries(value)) if (text != null) node.dataset[key] = text;
  } else if (name === "class") {
    node.classList.add(...value.split(" ").filter(Boolean));
  } else if (name === "value") {
    node.value = value;
    if (node instanceof HTMLDataElement) node.setAttribute("value", value);
  } else {
    node.setAttribute(name, value === true ? "" : String(value));
  }
}

export function put(node, ...children) {
  for (const child of children.flat(Infinity)) {
    if (child !== null && child !== undefined && child !== false) node.append(child);
  }
  return node;
}

export function fill(node, ...children) {
  node.replaceChildren();
  return put(node, children);
}

const PATHS = {
  mark: "M4 14V3M4 8.5L14.5 4M1.5 14h5",
  copy: "M5.5 5.5h8v8h-8zM10.5 5.5v-3h-8v8h3",
  check: "M3 8.5l3.2 3.2L13 5",
  close: "M4 4l8 8M12 4l-8 8",
  up: "M4 10l4-4 4 4",
  down: "M4 6l4 4 4-4",
  refresh: "M13 8a5 5 0 1 1-1.5-3.6M13 2.5v3h-3",
  alert: "M8 2.5l6 11H2zM8 6.5v3.5M8 11.6v.4",
  light: "M8 5a3 3 0 1 0 0 6 3 3 0 0 0 0-6zM8 1v1.6M8 13.4V15M1 8h1.6M13.4 8H15M3 3l1.2 1.2M11.8 11.8L13 13M13 3l-1.2 1.2M4.2 11.8L3 13",
  dark: "M13 9.6A5.6 5.6 0 0 1 6.4 3a5.6 5.6 0 1 0 6.6 6.6z",
  system: "M2 3h12v8H2zM6 13.5h4M8 11v2.5",
  out: "M9.5 3h-6v10h6M7 8h7M11.5 5.5L14 8l-2.5 2.5",
  back: "M6 3.5L2.5 7 6 10.5M2.5 7H10a3.5 3.5 0 0 1 0 7H7",
  cut: "M2 8h4M10 8h4M7 5l2 6",
};

export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  const path = document.createElementNS(SVG, "path");
  const attributes = {
    viewBox: "0 0 16 16", fill: "none", stroke: "currentColor", "stroke-width": name === "mark" ? "2" : "1.4",
    "stroke-linecap": "round", "stroke-linejoin": "round", "aria-hidden": "true", class: name === "mark" ? "icon mark" : "icon",
  };
  for (const [key, value] of Object.entries(attributes)) svg.setAttribute(key, value);
  path.setAttribute("d", PATHS[name]);
  svg.append(path);
  return svg;
}
