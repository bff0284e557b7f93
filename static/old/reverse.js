// Giving a charge back: whether it was, what a reversal would do, and doing it.
import * as api from "./api.js";
import { h, fill, icon } from "./dom.js";
import { ask } from "./dialog.js";
import { mono, pairs, section } from "./facts.js";
import { t } from "./i18n.js";
import { money, nanoOf, parseUsd } from "./money.js";
import { done, failure } from "./notice.js";
import { href, read } from "./route.js";
import { when } from "./time.js";

const CHARGE = "usage.charged";
const MOST_PENDING = 100;
export const MAX_REASON = 500;

/** A link that explains another event in the same drawer. */
export const eventLink = (id) => h("a.mono", { href: href(read().page, { ...read().params, event: id }) }, id);

export function person(one) {
  if (!one) return null;
  return one.username ? h("span", { title: one.account }, one.username) : mono(one.account);
}

function given(reversal) {
  return section(t("reversal.title"),
    h("p.word.warning", {}, icon("back"), t("reversal.was")),
    pairs([
      ["reversal.amount", money(nanoOf(reversal), { full: true })],
      ["field.when", when(reversal.at)],
      ["reversal.by", mono(reversal.by)],
      ["reversal.approver", mono(reversal.approver)],
      ["field.reason", reversal.reason],
      ["field.id", eventLink(reversal.event)],
    ]));
}

function pending(proposal) {
  return [
    h("p.word.warning", {}, icon("alert"), t("reversal.pending")),
    pairs([
      ["reversal.proposer", person(proposal.proposer)],
      ["reversal.proposed", when(proposal.proposed)],
      ["field.reason", proposal.reason],
    ]),
    h("div", {}, h("a", { href: href("books", { view: "reversals" }) }, t("reversal.toList"))),
  ];
}

/** The proposal that waits for this event, if somebody made one. */
async function proposalOf(session, id) {
  const { data } = await session.guard(() => api.get("/api/ledger/reversals", { state: "proposed", page_size: MOST_PENDING }));
  return data.find((one) => one.event === id) ?? null;
}

/**
 * What became of an event: whether it was given back, by whom and why. For admins also the proposal that waits, or a way
 * to reverse the charge. `onChange` is called after something was done.
 */
export function correction(event, session, onChange) {
  const reversal = event.explanation?.reversal;
  if (reversal) return given(reversal);
  if (event.type !== CHARGE || nanoOf(event) === 0n || !session.isAdmin()) return null;
  const body = h("div.stack", {}, h("p.quiet", { role: "status" }, t("reverse.looking")));
  const load = async () => {
    try {
      const proposal = await proposalOf(session, event.id);
      const open = () => openReverse(session, event, onChange);
      fill(body, proposal ? pending(proposal) : [h("p.quiet", {}, t("reverse.hint")), h("div", {},
        h("button.button", { type: "button", id: "reverse", on: { click: open } }, t("reverse.open")))]);
    } catch (error) {
      if (error.kind !== "signedout") fill(body, failure(error, { retry: load }));
    }
  };
  load();
  return section(t("reversal.title"), body);
}

function shown(numbers, event) {
  return pairs([
    ["reverse.gives", money(parseUsd(numbers.total), { full: true })],
    ["reverse.to", numbers.users.map(({ account }) => h("div.mono", {}, account))],
    ["field.model", numbers.models.map(({ model }) => model).filter(Boolean).join(", ")],
    ["reverse.chargedAt", when(event.at)],
  ]);
}

const OUTCOMES = { done: "reverse.done", approved: "reverse.running", proposed: "reverse.proposed" };

function outcome(document) {
  const amount = money(parseUsd(document.state === "done" ? document.progress.amount : document.total), { full: true });
  return document.state === "proposed"
    ? h("div.notice.warning", { role: "status" }, icon("alert"), h("div", {}, t(OUTCOMES.proposed)))
    : done(t(OUTCOMES[document.state] ?? OUTCOMES.approved), " ", amount);
}

function openReverse(session, event, onChange) {
  const reason = h("input", { name: "reason", maxlength: MAX_REASON, autocomplete: "off" });
  let numbers = null;
  const send = (body) => session.guard(() => api.post("/api/ledger/reverse", { event: event.id, ...body }));
  const dialog = ask({
    title: t("reverse.title"), go: t("reverse.go"), ready: false,
    content: h("p.quiet", { role: "status" }, t("reverse.looking")),
    act: async (say) => {
      if (!reason.value.trim()) {
        reason.focus();
        return void say(t("reverse.needsReason"));
      }
      const { data } = await send({ reason: reason.value.trim(), digest: numbers.digest });
      onChange();
      return outcome(data);
    },
  });
  const look = async () => {
    try {
      numbers = (await send({ dry_run: true })).data;
      if (!numbers.count) return dialog.fill(h("p", {}, t("reverse.nothing")));
      dialog.fill(
        h("p.quiet", {}, t("reverse.dryRun")), shown(numbers, event),
        h("p.notice", { class: numbers.needs_approval ? "warning" : "plain" }, t(numbers.needs_approval ? "reverse.needsOther" : "reverse.alone")),
        h("label.field", {}, h("span", {}, t("field.reason")), reason));
      dialog.enable(numbers.needs_approval ? t("reverse.propose") : t("reverse.go"));
      reason.focus();
    } catch (error) {
      if (error.kind === "signedout") dialog.close();
      else dialog.fill(failure(error, { retry: look }));
    }
  };
  look();
}
