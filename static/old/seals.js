// The latest seals, to write down.
import * as api from "./api.js";
import { h, fill } from "./dom.js";
import { copyButton } from "./copy.js";
import { number, t } from "./i18n.js";
import { failure } from "./notice.js";
import { cell, skeleton, table } from "./table.js";
import { utc } from "./time.js";

const PAGE = 5;

const columns = (admin) => [
  { id: "number", label: t("seals.number"), number: true, class: "first" },
  { id: "sealed", label: t("seals.sealed"), class: "two" },
  ...(admin ? [{ id: "events", label: t("seals.events"), number: true }] : []),
  { id: "signed", label: t("seals.signed") },
  { id: "digest", label: t("seals.digest"), class: "wide whole" },
];

const CELLS = {
  number: (seal) => number(seal.number),
  sealed: (seal) => utc(new Date(seal.sealed_us / 1000).toISOString()),
  events: (seal) => number(seal.events),
  signed: (seal) => t(seal.signature ? "seals.yes" : "seals.no"),
  digest: (seal) => h("span.row", {}, h("code.digest", {}, seal.digest),
    copyButton(() => seal.digest, { label: t("seals.copy", { number: number(seal.number) }) })),
};

/** `onNewest` is told the newest seal, or null where there is none. */
export function seals(session, onNewest) {
  const shape = columns(session.isAdmin());
  const list = table(shape, t("seals.title"));
  const below = h("div", { "aria-live": "polite" });
  const rows = (found) => found.map((seal) => h("tr", { role: "row" }, shape.map((column) => cell(column, CELLS[column.id](seal)))));
  const running = new AbortController();

  async function load(before) {
    if (!before) fill(list.body, skeleton(shape, 3));
    fill(below);
    try {
      const { data, next } = await session.guard(() => api.get("/api/ledger/seals", { limit: PAGE, before }, { signal: running.signal }));
      if (!before) {
        fill(list.body);
        list.node.hidden = !data.length;
        onNewest(data[0] ?? null);
      }
      list.body.append(...rows(data));
      if (!data.length) fill(below, h("p.quiet", {}, t("seals.none")));
      else if (next) fill(below, h("div.more", {}, h("button.button", { type: "button", on: { click: () => load(next) } }, t("seals.earlier"))));
    } catch (error) {
      if (error.name === "AbortError" || error.kind === "signedout") return;
      if (!before) fill(list.body);
      fill(below, failure(error, { retry: () => load(before) }));
    }
  }

  load();
  return {
    node: h("section.part", {}, h("h2", {}, t("seals.title")), h("p.quiet.prose", {}, t("seals.why")), list.node, below),
    reload: () => load(),
    dispose: () => running.abort(),
  };
}
