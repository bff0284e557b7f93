// The management API, browsable: /api/openapi.json, written out. The document is in English, whatever the console speaks.
import { fill, h } from "./dom.js";

const METHODS = ["get", "post", "put", "delete"];

/** Operations by tag, in the order of the document. */
function grouped(paths) {
  const groups = new Map();
  for (const [path, operations] of Object.entries(paths)) {
    for (const method of METHODS.filter((name) => name in operations)) {
      const operation = { path, method, ...operations[method] };
      const tag = operation.tags[0];
      groups.set(tag, [...(groups.get(tag) ?? []), operation]);
    }
  }
  return groups;
}

/** Text with `code` in it. */
const spoken = (text) => text.split("`").map((piece, at) => (at % 2 ? h("code", {}, piece) : piece));

/** What a schema allows, in a few words. */
function kind(schema) {
  if (schema.enum) return schema.enum.map((value) => JSON.stringify(value)).join(" | ");
  if (schema.type === "array") return `list of ${kind(schema.items ?? {})}`;
  const types = [schema.type ?? "anything"].flat().join(" or ");
  const bounds = [
    schema.minimum !== undefined ? `≥ ${schema.minimum}` : "",
    schema.maximum !== undefined ? `≤ ${schema.maximum}` : "",
    schema.minLength ? `≥ ${schema.minLength} characters` : "",
    schema.maxLength !== undefined ? `≤ ${schema.maxLength} characters` : "",
    schema.default !== undefined ? `by default ${JSON.stringify(schema.default)}` : "",
  ].filter(Boolean);
  return [types, ...bounds].join(", ");
}

function row(name, where, required, schema, says) {
  const note = [schema.description, says].filter(Boolean).join(" ");
  return h("tr", {}, [
    h("td", {}, h("code", {}, name), required ? h("span.required", {}, " required") : null),
    h("td", {}, where),
    h("td", {}, kind(schema), note ? h("div.note", {}, note) : null),
  ]);
}

function fields(operation) {
  const rows = (operation.parameters ?? []).map((each) =>
    row(each.name, each.in, each.required, each.schema ?? {}, each.description));
  const body = operation.requestBody?.content["application/json"]?.schema;
  for (const [name, schema] of Object.entries(body?.properties ?? {})) {
    rows.push(row(name, "body", body.required?.includes(name), schema));
  }
  if (!rows.length) return null;
  const head = ["Field", "In", "What it may be"].map((title) => h("th", { scope: "col" }, title));
  return h("div.api-fields", { tabindex: 0, role: "region", "aria-label": "Fields" },
    h("table", {}, h("thead", {}, h("tr", {}, head)), h("tbody", {}, rows)));
}

function curl({ method, path, requestBody }) {
  const lines = [`curl -X ${method.toUpperCase()} '${location.origin}${path}'`, `  -H "Authorization: $TOLLGATE_TOKEN"`];
  const schema = requestBody?.content["application/json"]?.schema;
  if (schema) {
    const needed = (schema.required ?? []).map((name) => [name, `<${kind(schema.properties[name])}>`]);
    lines.push(`  -H 'Content-Type: application/json'`, `  -d '${JSON.stringify(Object.fromEntries(needed))}'`);
  }
  return lines.join(" \\\n");
}

function answers(operation) {
  const files = Object.keys(operation.responses["200"].content).filter((type) => type !== "application/json");
  const statuses = Object.keys(operation.responses).filter((status) => status !== "200");
  return h("p.note", {}, files.length ? `Also answers ${files.join(", ")}. ` : "", `Refusals: ${statuses.join(", ")}.`);
}

function shown(operation) {
  const [about, ...rest] = operation.description.split("\n\n");
  return h("details.api-operation", { id: operation.operationId },
    h("summary", {},
      h("code.method", { data: { method: operation.method } }, operation.method.toUpperCase()),
      h("code.path", {}, operation.path), h("span.says", {}, spoken(operation.summary))),
    h("div.api-body", {},
      h("p", {}, spoken(about)), h("p.note", {}, rest.join(" ")),
      fields(operation),
      h("div.snippet", {}, h("pre", { tabindex: 0 }, h("code", {}, curl(operation)))),
      answers(operation)));
}

function page(spec) {
  const groups = [...grouped(spec.paths)];
  const links = groups.map(([tag, operations]) =>
    h("a", { href: `#tag-${tag}` }, tag, h("span.count", {}, String(operations.length))));
  return [
    h("header.topbar", {}, h("a.brand", { href: "/" }, h("span", {}, "Tollgate")), h("div.tools", {},
      h("a", { href: "/api/openapi.json" }, "openapi.json"))),
    h("main.api", {},
      h("nav", { "aria-label": "Groups" }, links),
      h("div", {},
        h("h1", {}, spec.info.title), h("p", {}, spoken(spec.info.description)),
        groups.map(([tag, operations]) =>
          h("section", { id: `tag-${tag}` }, h("h2", {}, tag), operations.map(shown))))),
  ];
}

async function start() {
  const root = document.getElementById("app");
  try {
    const answer = await fetch("/api/openapi.json");
    if (!answer.ok) throw new Error(`${answer.status}`);
    fill(root, page(await answer.json()));
    const named = document.getElementById(location.hash.slice(1));
    if (named instanceof HTMLDetailsElement) named.open = true;
    named?.scrollIntoView();
  } catch (error) {
    fill(root, h("p.noscript", {}, `The document at /api/openapi.json could not be read: ${error.message}`));
  }
}

start();
