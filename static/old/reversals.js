// Reversals that wait for somebody else, and those decided lately. For admins.
import * as api from "./api.js";
import { h, fill, icon } from "./dom.js";
import { ask } from "./dialog.js";
import { pairs } from "./facts.js";
import { number, t, word } from "./i18n.js";
import { money, parseUsd } from "./money.js";
import { done, failure } from "./notice.js";
import { MAX_REASON, eventLink, person } from "./reverse.js";
import { cell, skeleton, table } from "./table.js";
import { when } from "./time.js";

const PROPOSED = "proposed";
const MOST_PENDING = 100;
const LATELY = 20;
/** Users that a dialog names. */
const SHOWN = 5;

const list = (session, params, options) => session.guard(() => api.get("/api/ledger/reversals", params, options));

export async function countPending(session) {
  return (await list(session, { state: PROPOSED, page_size: 1 })).total;
}

const columns = (last) => [
  { id: "proposed", label: t("reversal.proposed"), class: "two" },
  { id: "proposer", label: t("reversal.proposer") },
  { id: "what", label: t("reversal.what"), class: "clip two" },
  { id: "reason", label: t("field.reason"), class: "wide two loose" },
  { id: "count", label: t("reversal.count"), number: true },
  { id: "total", label: t("reversal.total"), number: true, class: "amount" },
  last,
];
const DECIDE = () => ({ id: "decide", label: t("reversal.decide"), class: "end three" });
const STATE = () => ({ id: "state", label: t("reversal.state"), class: "two" });

/** One event as a link, or what a filter names. */
function what({ event, filter }) {
  if (event) return eventLink(event);
  const text = Object.entries(filter ?? {}).map(([name, value]) => `${word("filter.by", name)} ${value}`).join(", ");
  return h("span.mono", { title: text }, text);
}

function state(one) {
  return h("span", {}, word("reversal.state", one.state), one.approver ? [t("comma"), person(one.approver)] : null, one.note ? `: ${one.note}` : null);
}

const CELLS = {
  proposed: (one) => when(one.proposed),
  proposer: (one) => person(one.proposer),
  what,
  reason: (one) => one.reason,
  count: (one) => number(one.count),
  total: (one) => money(parseUsd(one.total), { column: true, full: true }),
  state,
};

function numbers(one) {
  return pairs([
    ["reversal.count", number(one.count)],
    ["reversal.total", money(parseUsd(one.total), { full: true })],
    ["reversal.users", one.users.slice(0, SHOWN).map((user) => h("div", {}, user.username || user.account, " ", money(parseUsd(user.amount), { full: true }))).concat(one.users.length > SHOWN ? t("verify.more", { count: one.users.length - SHOWN }) : [])],
    ["reversal.proposer", person(one.proposer)],
    ["field.reason", one.reason],
  ]);
}

export class ReversalsView {
  constructor(session, { onPending }) {
    Object.assign(this, { session, onPending, found: [] });
  }

  mount() {
    this.waiting = h("div", { "aria-live": "polite" });
    this.lately = h("div", {});
    this.running = new AbortController();
    this.dispose = () => this.running.abort();
    fill(this.waiting, this.table(DECIDE(), skeleton(columns(DECIDE()), 2)));
    this.reload();
    return h("div", {},
      h("section.part", {}, h("h2", {}, t("reversal.waiting")), h("p.quiet.prose", {}, t("reversal.why")), this.waiting),
      h("section.part", {}, h("h2", {}, t("reversal.lately")), this.lately));
  }

  events() {
    return this.found.map((one) => one.event).filter(Boolean);
  }

  async reload() {
    const { signal } = this.running;
    try {
      const [pending, all] = await Promise.all([
        list(this.session, { state: PROPOSED, page_size: MOST_PENDING }, { signal }),
        list(this.session, { page_size: LATELY }, { signal }),
      ]);
      const decided = all.data.filter((one) => one.state !== PROPOSED);
      this.found = [...pending.data, ...decided];
      fill(this.waiting, pending.data.length ? this.table(DECIDE(), this.rows(pending.data, DECIDE())) : h("p.quiet", {}, t("reversal.none")));
      fill(this.lately, decided.length ? this.table(STATE(), this.rows(decided, STATE())) : h("p.quiet", {}, t("reversal.noneLately")));
    } catch (error) {
      if (error.name === "AbortError" || error.kind === "signedout") return;
      fill(this.waiting, failure(error, { retry: () => this.reload() }));
    }
  }

  table(last, rows) {
    const { node, body } = table(columns(last), t("reversal.title"));
    body.append(...rows);
    return node;
  }

  rows(found, last) {
    const cells = { ...CELLS, decide: (one) => this.buttons(one) };
    return found.map((one) => h("tr", { role: "row", data: { event: one.event, reversal: one.id } },
      columns(last).map((column) => cell(column, cells[column.id](one)))));
  }

  /** Proposers can take their own proposal away, but not approve it. */
  buttons(one) {
    const own = one.proposer.account === this.session.account();
    const button = (name, act) => h("button.button.tiny", { type: "button", data: { act: name }, on: { click: act } }, t(`reversal.${name}`));
    return h("span.row.end", {},
      own ? h("span.quiet.small", {}, t("reversal.own")) : button("approve", () => this.approve(one)),
      button(own ? "withdraw" : "reject", () => this.reject(one, own)));
  }

  changed() {
    this.reload();
    this.onPending();
  }

  send(one, step, body) {
    return this.session.guard(() => api.post(`/api/ledger/reversals/${encodeURIComponent(one.id)}/${step}`, body));
  }

  approve(one) {
    ask({
      title: t("reversal.approve.title"), go: t("reversal.approve"),
      content: [h("p.quiet", {}, t("reversal.approve.hint")), numbers(one)],
      // A refusal may mean that the numbers have changed: the list is read again either way.
      onClose: () => this.changed(),
      act: async () => {
        const { data } = await this.send(one, "approve", { digest: one.digest });
        const amount = money(parseUsd(data.state === "done" ? data.progress.amount : data.total), { full: true });
        return done(t(data.state === "done" ? "reverse.done" : "reverse.running"), " ", amount);
      },
    });
  }

  reject(one, own) {
    const reason = h("input", { name: "reason", maxlength: MAX_REASON, autocomplete: "off" });
    ask({
      title: t(own ? "reversal.withdraw.title" : "reversal.reject.title"), go: t(own ? "reversal.withdraw" : "reversal.reject"),
      content: [h("p.quiet", {}, t("reversal.reject.hint")), numbers(one), h("label.field", {}, h("span", {}, t("reversal.rejectReason")), reason)],
      onClose: () => this.changed(),
      act: async () => {
        await this.send(one, "reject", { reason: reason.value.trim() });
        return h("div.notice.good", { role: "status" }, icon("check"), h("div", {}, t(own ? "reversal.withdrawn" : "reversal.rejected")));
      },
    });
  }
}
