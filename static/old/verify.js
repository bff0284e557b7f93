// Verifying now: every event read again, or what is new. For admins.
import * as api from "./api.js";
import { findings, verdict } from "./audit.js";
import { h, fill, icon } from "./dom.js";
import { pairs } from "./facts.js";
import { number, t } from "./i18n.js";
import { failure } from "./notice.js";
import { when } from "./time.js";

const KINDS = ["new", "all"];

export class VerifyPart {
  constructor(session) {
    Object.assign(this, { session, report: null, problem: null, busy: null });
  }

  mount() {
    this.body = h("div.stack", { "aria-live": "polite" });
    this.buttons = KINDS.map((kind) => h("button.button", { type: "button", id: `verify-${kind}`, on: { click: () => this.run(kind) } }, t(`verify.${kind}`)));
    this.show();
    return h("section.part", {}, h("h2", {}, t("verify.title")), h("p.quiet.prose", {}, t("verify.why")), h("div.row.wrap", {}, this.buttons), this.body);
  }

  async run(kind) {
    if (this.busy) return;
    Object.assign(this, { busy: kind, report: null, problem: null });
    this.show();
    try {
      const { data } = await this.session.guard(() => api.get("/api/ledger/verify", kind === "new" ? { new: true } : {}));
      this.report = { ...data, at: new Date().toISOString() };
    } catch (error) {
      this.problem = { error, kind };
    }
    this.busy = null;
    this.show();
  }

  /** What is known stays known when one looks at another page meanwhile, or changes the language. */
  show() {
    this.buttons.forEach((button) => button.setAttribute("aria-disabled", String(Boolean(this.busy))));
    const { report, problem, busy } = this;
    if (busy) return fill(this.body, h("p.quiet", { role: "status" }, t(`verify.running.${busy}`)));
    if (problem && problem.error.kind !== "signedout") return fill(this.body, failure(problem.error, { retry: () => this.run(problem.kind) }));
    return fill(this.body, report ? this.shown(report) : null);
  }

  shown(report) {
    const more = (report.faults_found ?? report.faults.length) - report.faults.length;
    return [
      report.ok ? verdict(true, t("verify.good", { count: report.events + report.checked_before })) : verdict(false, t("verify.wrong", { count: report.faults_found })),
      findings(report.faults), more > 0 ? h("p.small.quiet", {}, t("verify.more", { count: more })) : null,
      pairs([
        ["verify.at", when(report.at)],
        ["verify.events", t("audit.by", { events: report.events, count: report.writers })],
        ["verify.before", report.checked_before ? number(report.checked_before) : null],
        ["verify.accounts", number(report.accounts)],
        ["verify.seals", t("verify.signed", { seals: report.seals, signed: report.signed })],
        ["verify.unsealed", number(report.unsealed)],
      ], "wide"),
      report.notices.length ? h("ul.findings", {}, report.notices.map((text) => h("li", {}, h("span.word.warning", {}, icon("alert"), t("verify.notice")), h("span", {}, text)))) : null,
      h("p.small.quiet", {}, t("verify.checked")),
    ];
  }
}
