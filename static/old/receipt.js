// A receipt: one event, proved by itself, to keep.
import * as api from "./api.js";
import { h, fill } from "./dom.js";
import { copyButton } from "./copy.js";
import { t } from "./i18n.js";
import { done, failure } from "./notice.js";

/** Keeps text as a file. */
export function saveAs(name, text) {
  const url = URL.createObjectURL(new Blob([text], { type: "application/json" }));
  const link = h("a", { href: url, download: name });
  document.body.append(link);
  link.click();
  link.remove();
  // The browser has taken the file over by the next turn of its event loop; a minute leaves room for slow ones.
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}

const fileName = (id) => `receipt-${id.replace(/[^\w-]+/g, "-").slice(0, 100)}.json`;

/** The button, the line that says how a receipt is checked, and below them what was downloaded. */
export function receipt(event, session) {
  const says = h("div", { "aria-live": "polite" });
  const name = fileName(event.id);
  const button = h("button.button", { type: "button", id: "receipt" }, t("receipt.get"));
  const through = h("input", { name: "through", inputmode: "numeric", pattern: "[0-9]*", autocomplete: "off" });
  button.addEventListener("click", async () => {
    if (button.getAttribute("aria-disabled") === "true") return;
    button.setAttribute("aria-disabled", "true");
    try {
      // The text as it came: nothing is lost of numbers that are longer than this browser counts.
      const path = `${session.ledger()}/events/${encodeURIComponent(event.id)}/receipt`;
      const wanted = through.value.trim();
      const { data, text } = await session.guard(() => api.get(path, { through: wanted }));
      saveAs(name, text);
      const digest = h("code.digest", {}, data.digest);
      const missed = wanted !== "" && Number(wanted) !== (data.later.at(-1) ?? data.seal).number;
      fill(says, done(h("p", {}, t("receipt.got", { number: String(data.seal.number) })),
        h("p.row", {}, digest, copyButton(() => data.digest, { label: t("seals.copy", { number: String(data.seal.number) }) }))),
      missed ? h("p.notice.warning", { role: "alert" }, t("receipt.missed", { number: wanted })) : null);
    } catch (error) {
      if (error.kind !== "signedout") fill(says, failure(error));
    }
    button.setAttribute("aria-disabled", "false");
  });
  const command = `tollgate ledger verify --receipt ${name} --expect-seal DIGEST`;
  return h("div.receipt", {},
    h("div.row.wrap", {}, button, h("label.through.small.quiet", {}, t("receipt.through"), through)), says,
    h("p.small.quiet", {}, t("receipt.check"), " ", h("code", {}, command)));
}
