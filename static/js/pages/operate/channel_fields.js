// The fields of a channel that every vendor has, section by section; those seldom used are folded.
import { TIMEOUTS } from "./channel_draft.js";

export const TEST_KINDS = ["auto", "chat", "embeddings", "images", "speech", "transcription", "rerank", "moderation"];

const numbers = (names, options = {}) => names.map((name) => ({ name, kind: "number", ...options }));

/** `kind`: text, number, lines, json, choice, check. `whole` takes the width; `empty` says what it means to leave it so. */
export const SECTIONS = [
  { name: "routing", open: true, fields: [...numbers(["priority", "weight"]), { name: "tag", kind: "text" }] },
  { name: "limits", fields: numbers(["rpm", "tpm", "concurrency"], { empty: "channel.unlimited" }) },
  { name: "way", fields: [
    { name: "proxy", kind: "text", whole: true, mono: true },
    ...numbers(TIMEOUTS.map((name) => `timeouts.${name}`), { empty: "channel.usual" }),
  ] },
  { name: "override", fields: [
    { name: "system_prompt", kind: "lines", whole: true },
    { name: "param_override", kind: "json", whole: true },
    { name: "header_override", kind: "json", whole: true, texts: true },
  ] },
  { name: "costs", fields: [
    { name: "cost_ratio", kind: "text" },
    { name: "cost_prices", kind: "json", whole: true, list: true },
  ] },
  { name: "trial", fields: [
    { name: "test_model", kind: "text", offers: "models" },
    { name: "test_kind", kind: "choice", choices: TEST_KINDS, words: "channel.kind" },
    { name: "test_stream", kind: "check", whole: true },
  ] },
  { name: "notes", fields: [{ name: "other", kind: "text", whole: true }, { name: "notes", kind: "json", whole: true, only: (vendor) => !vendor?.config.length }] },
];

const UNSET = new Set(["", "0", "auto", false]);

/** How many fields of a section say something. */
export const setIn = (section, draft) => section.fields.filter(({ name }) => !UNSET.has(draft[name] ?? "")).length;
