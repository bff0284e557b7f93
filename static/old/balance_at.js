// The balance at a time: as it was known then, or as it took effect by then.
import * as api from "./api.js";
import { h, fill } from "./dom.js";
import { t } from "./i18n.js";
import { money, nanoOf } from "./money.js";
import { failure } from "./notice.js";
import { utc } from "./time.js";

/** What the two questions are called by the server. */
const QUESTIONS = { recorded: "known_at", effective: "at" };

export function balanceAt(session, account) {
  const says = h("div.answer", { "aria-live": "polite" });
  const time = h("input", { type: "datetime-local", name: "at", required: true });
  const question = h("select", { name: "question" }, Object.keys(QUESTIONS).map((name) => h("option", { value: name }, t(`balanceAt.${name}`))));
  const go = h("button.button", { type: "submit" }, t("balanceAt.go"));
  const form = h("form.bar", { novalidate: true },
    h("label.field.moment", {}, h("span", {}, t("balanceAt.time")), time),
    h("label.field.question", {}, h("span", {}, t("balanceAt.counts")), question), go, says);
  let running = null;

  const reset = () => {
    running?.abort();
    fill(says);
  };
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    reset();
    if (!time.value) {
      fill(says, h("p.notice.warning", { role: "alert" }, t("balanceAt.needs")));
      return time.focus();
    }
    const at = `${time.value.length === 16 ? `${time.value}:00` : time.value}Z`;
    running = new AbortController();
    const { signal } = running;
    try {
      const asked = { account: account(), [QUESTIONS[question.value]]: at };
      const { data } = await session.guard(() => api.get(`${session.ledger()}/balance`, asked, { signal }));
      fill(says, h("p.found", {}, h("span.amount", {}, money(nanoOf(data, "balance"), { full: true })),
        h("span.quiet", {}, t("balanceAt.at"), " ", utc(at), " UTC")));
    } catch (error) {
      if (error.name !== "AbortError" && error.kind !== "signedout") fill(says, failure(error));
    }
  });
  return { node: h("section.part", {}, h("h2", {}, t("balanceAt.title")), form), reset, dispose: reset };
}
