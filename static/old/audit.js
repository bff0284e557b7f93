// The audit that runs all the time: what it looked at last, when, and what it found. For admins.
import * as api from "./api.js";
import { h, fill, icon } from "./dom.js";
import { pairs } from "./facts.js";
import { number, t, word } from "./i18n.js";
import { failure } from "./notice.js";
import { duration, when } from "./time.js";

const US_PER_MS = 1_000;

export function verdict(good, words) {
  return h("p.verdict-line.word", { class: good ? "good" : "danger" }, icon(good ? "check" : "alert"), words);
}

/** Findings or faults as a list: the kind in the reader's language, then where, and the server's own sentence. */
export function findings(found) {
  if (!found.length) return null;
  return h("ul.findings", {}, found.map(({ kind, subject, message, level }) =>
    h("li", {}, h("span.word", { class: level === "notice" ? "warning" : "danger" }, icon("alert"), word("finding", kind)),
      h("span.mono", {}, subject), h("span.quiet", {}, message))));
}

function headline(result) {
  if (result.faults) return verdict(false, t("audit.faults", { count: result.faults }));
  if (!result.compared) return verdict(true, t("audit.soFar", { count: result.behind }));
  return verdict(true, t("audit.good", { count: result.accounts }));
}

function earlier(history) {
  if (!history.length) return null;
  const wrong = history.filter((one) => !one.ok);
  if (!wrong.length) return h("p.small.quiet", {}, t("audit.history.good", { count: history.length }));
  return h("p.small.word.danger", {}, icon("alert"), h("span", {}, t("audit.history.wrong", { count: wrong.length, of: history.length }), " ", when(wrong[0].at)));
}

export class AuditPart {
  constructor(session) {
    this.session = session;
    this.seal = null;
  }

  mount() {
    this.body = h("div.stack", { "aria-live": "polite" });
    this.seal = h("dd", {}, "\u2013");
    this.running = new AbortController();
    this.reload();
    return h("section.part", {}, h("h2", {}, t("audit.title")), h("p.quiet.prose", {}, t("audit.why")), this.body);
  }

  dispose() {
    this.running.abort();
  }

  /** The newest seal, whose list is asked for elsewhere. */
  sealed(newest) {
    fill(this.seal, newest
      ? [when(new Date(newest.sealed_us / US_PER_MS).toISOString()), t("comma"), t("audit.seal", { number: String(newest.number), count: newest.events })]
      : t("seals.none"));
  }

  async reload() {
    if (!this.body.childNodes.length) fill(this.body, h("p.quiet", { role: "status" }, t("audit.reading")));
    try {
      const { data, history } = await this.session.guard(() => api.get("/api/ledger/audit", {}, { signal: this.running.signal }));
      fill(this.body, data ? this.shown(data, history) : h("p.quiet", {}, t("audit.none")));
    } catch (error) {
      if (error.name !== "AbortError" && error.kind !== "signedout") fill(this.body, failure(error, { retry: () => this.reload() }));
    }
  }

  shown(result, history) {
    const facts = pairs([
      ["audit.at", [when(result.at), t("comma"), t("audit.took", { time: duration(result.took_us / US_PER_MS) })]],
      ["audit.accounts", number(result.accounts)],
      ["audit.events", t("audit.by", { events: result.events, count: result.writers })],
      ["audit.sums", result.compared ? t("audit.sums.yes") : t("audit.sums.no", { count: result.behind })],
      ["audit.waiting", result.waiting ? number(result.waiting) : null],
    ], "wide");
    facts.append(h("dt", {}, t("audit.sealed")), this.seal);
    return [headline(result), findings(result.findings), facts, earlier(history)];
  }
}
