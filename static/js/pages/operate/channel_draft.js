// A channel as its form holds it, as the API takes it, and back; and what a refusal says of which field.
export const HIDDEN = "********";

const TEXTS = ["name", "base_url", "tag", "proxy", "other", "system_prompt", "test_model", "cost_ratio"];
const NUMBERS = ["priority", "weight"];
/** None is written as nothing. */
const LIMITS = ["rpm", "tpm", "concurrency"];
const OBJECTS = ["model_mapping", "param_override", "header_override"];
export const TIMEOUTS = ["connect", "first_byte", "idle", "total"];
/** Fields whose name in a refusal is another than in the form. */
const SAME = { groups: "group", timeouts: "timeouts.connect", config: "notes" };
const PART = /^([a-z_]+(?:\.[\w-]+)*): ([\s\S]+)$/;

const listOf = (text) => String(text ?? "").split(",").filter(Boolean);

/** JSON indented for reading, unless that would change a number in it. */
export function indented(text) {
  if (!text) return "";
  const value = JSON.parse(text);
  return JSON.stringify(value) === text ? JSON.stringify(value, null, 2) : text;
}

function configOf(text, vendor) {
  const stored = text ? JSON.parse(text) : {};
  const known = vendor?.config ?? [];
  const texts = known.map(({ name, kind }) => [name, kind === "map" && stored[name] ? JSON.stringify(stored[name], null, 2) : stored[name] ?? ""]);
  return { config: Object.fromEntries(texts), notes: known.length ? "" : indented(text) };
}

/** The form of a channel; of a new one when `row` is an empty object. */
export function draftOf(row, vendor) {
  const timeouts = row.timeouts ? JSON.parse(row.timeouts) : {};
  return {
    type: row.type ?? vendor?.type, status: row.status ?? 1, key: "", multi_key: false,
    ...Object.fromEntries(TEXTS.map((name) => [name, row[name] ?? ""])),
    ...Object.fromEntries(NUMBERS.map((name) => [name, String(row[name] ?? 0)])),
    ...Object.fromEntries(LIMITS.map((name) => [name, row[name] ? String(row[name]) : ""])),
    ...Object.fromEntries(OBJECTS.map((name) => [name, indented(row[name])])),
    ...Object.fromEntries(TIMEOUTS.map((name) => [`timeouts.${name}`, timeouts[name] === undefined ? "" : String(timeouts[name])])),
    ...configOf(row.config, vendor),
    models: listOf(row.models), group: row.group ? listOf(row.group) : ["default"],
    test_kind: row.test_kind ?? "auto", test_stream: row.test_stream ?? false,
    cost_prices: row.cost_prices?.length ? JSON.stringify(row.cost_prices, null, 2) : "",
  };
}

/** A number as it was typed; what is none goes to the server as text, which says so beside the field. */
function numeral(text) {
  const typed = String(text).trim();
  return typed === "" ? 0 : /^-?\d{1,15}$/.test(typed) ? Number(typed) : typed;
}

function jsonOr(text) {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

function configBody(draft, vendor) {
  if (!vendor?.config.length) return draft.notes.trim();
  const given = vendor.config.filter(({ name }) => draft.config[name]).map(({ name, kind }) => [name, kind === "map" ? jsonOr(draft.config[name]) : draft.config[name]]);
  return Object.fromEntries(given);
}

/** What is sent; `key` only where one was typed. */
export function bodyOf(draft, vendor) {
  const timeouts = TIMEOUTS.filter((name) => draft[`timeouts.${name}`].trim()).map((name) => [name, numeral(draft[`timeouts.${name}`])]);
  return {
    type: draft.type, status: draft.status,
    ...Object.fromEntries(TEXTS.map((name) => [name, name === "system_prompt" ? draft[name] : draft[name].trim()])),
    ...Object.fromEntries([...NUMBERS, ...LIMITS].map((name) => [name, numeral(draft[name])])),
    ...Object.fromEntries([...OBJECTS, "cost_prices"].map((name) => [name, draft[name].trim()])),
    timeouts: Object.fromEntries(timeouts), config: configBody(draft, vendor),
    models: draft.models.join(","), group: draft.group.join(","),
    test_kind: draft.test_kind, test_stream: draft.test_stream,
    ...(draft.key.trim() ? { key: draft.key.trim() } : {}),
  };
}

/** What of a form differs from what it began with, as the API takes it. */
export function changesOf(draft, first, vendor, firstVendor = vendor) {
  const was = bodyOf(first, firstVendor);
  return Object.fromEntries(Object.entries(bodyOf(draft, vendor)).filter(([name, value]) => JSON.stringify(value) !== JSON.stringify(was[name])));
}

/** Keeps of a config what holds under another type: no secrets, and only fields that it knows as well. */
export function configFor(vendor, config) {
  return Object.fromEntries((vendor?.config ?? []).map(({ name, secret }) => [name, secret || config[name] === HIDDEN ? "" : config[name] ?? ""]));
}

/** A refusal as {faults: {field: words}, rest: words about no field}. */
export function faultsOf(error, same = {}) {
  if (error.kind !== "refused") return { faults: {}, rest: error.message };
  const faults = {};
  const rest = [];
  for (const part of String(error.message).split(/; (?=[a-z_]+[\w.-]*: )/)) {
    const [, name, words] = PART.exec(part) ?? [];
    if (!name) rest.push(part);
    else faults[same[name] ?? SAME[name] ?? (/^(timeouts|config)\./.test(name) ? name : name.split(".")[0])] = words;
  }
  return { faults, rest: rest.join("; ") };
}
