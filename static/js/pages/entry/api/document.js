// The OpenAPI document of /api, put into the order in which it is shown. The document is in English, whatever the console speaks.
const METHODS = ["get", "post", "put", "delete"];

/** Operations as a list, in the order of the document: {id, group, path, method, summary, …}. */
export function operationsOf(document) {
  return Object.entries(document.paths).flatMap(([path, operations]) => METHODS.filter((method) => method in operations).map((method) => {
    const operation = operations[method];
    return { ...operation, path, method, id: operation.operationId, group: operation.tags[0] };
  }));
}

/** What a schema allows, in a few words. */
export function kind(schema) {
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

const bodyOf = ({ requestBody }) => requestBody?.content["application/json"]?.schema;

/** Parameters and fields of the body: {name, where, required, kind, note}. */
export function fieldsOf(operation) {
  const row = (name, where, required, schema, says) => ({ name, where, required: Boolean(required), kind: kind(schema), note: [schema.description, says].filter(Boolean).join(" ") });
  const parameters = (operation.parameters ?? []).map((each) => row(each.name, each.in, each.required, each.schema ?? {}, each.description));
  const body = bodyOf(operation);
  const fields = Object.entries(body?.properties ?? {}).map(([name, schema]) => row(name, "body", body.required?.includes(name), schema));
  return [...parameters, ...fields];
}

/** The request as a command, with the fields that it must have. */
export function curl(operation, base) {
  const lines = [`curl -X ${operation.method.toUpperCase()} '${base}${operation.path}'`, `  -H "Authorization: $TOLLGATE_TOKEN"`];
  const schema = bodyOf(operation);
  if (schema) {
    const needed = (schema.required ?? []).map((name) => [name, `<${kind(schema.properties[name])}>`]);
    lines.push(`  -H 'Content-Type: application/json'`, `  -d '${JSON.stringify(Object.fromEntries(needed)).replaceAll("'", "'\\''")}'`);
  }
  return lines.join(" \\\n");
}

/** Kinds of files that it may answer, and the statuses of refusals. */
export function answersOf({ responses }) {
  const files = Object.keys(responses["200"].content).filter((type) => type !== "application/json");
  return { files, refusals: Object.keys(responses).filter((status) => status !== "200") };
}
