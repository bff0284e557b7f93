// The statement of an account: what it had, what moved it, what it has.
import * as api from "./api.js";
import { accountControl, accountName } from "./accounts.js";
import { balanceAt } from "./balance_at.js";
import { h, fill, icon } from "./dom.js";
import { number, t, word } from "./i18n.js";
import { exactUsd, money, nanoOf, parseUsd } from "./money.js";
import { failure } from "./notice.js";
import { DEFAULT_PERIOD, PERIODS, bounds, isDay } from "./periods.js";
import { change, read } from "./route.js";
import { Rows, skeletonFor } from "./statement_rows.js";

const GROUPS = ["none", "day", "model", "key"];
const DEFAULT_GROUP = "day";
const FORMATS = ["csv", "jsonl", "xlsx"];
/** More movements than this are for a file, not for a page. */
const MOST = 5_000;

const NAMES = ["account", "period", "from", "to", "group"];
const same = (one, other) => NAMES.every((name) => one?.[name] === other?.[name]);

function wanted(session) {
  const { account, period, from, to, group } = read().params;
  const chosen = PERIODS.includes(period) ? period : DEFAULT_PERIOD;
  const custom = chosen === "custom";
  return {
    account: account || session.account(), period: chosen, group: GROUPS.includes(group) ? group : DEFAULT_GROUP,
    from: custom && isDay(from) ? from : "", to: custom && isDay(to) ? to : "",
  };
}

export class StatementView {
  constructor(session) {
    this.session = session;
    this.filter = null;
    this.answer = null;
  }

  mount() {
    this.filter = wanted(this.session);
    this.figures = h("dl.figures-list", {});
    this.bar = h("div.bar", { role: "search" });
    this.table = h("div", {});
    this.below = h("div", { "aria-live": "polite" });
    this.balance = balanceAt(this.session, () => this.filter.account);
    this.account = accountControl(this.session, this.filter.account, (account) => change({ account: account === this.session.account() ? "" : account }));
    this.controls();
    this.dispose = () => {
      this.running?.abort();
      this.account.dispose();
      this.balance.dispose();
    };
    this.reload();
    return h("div", {},
      h("div.figures", {}, this.figures), this.bar, this.table, this.below, this.balance.node);
  }

  route() {
    const next = wanted(this.session);
    if (same(next, this.filter)) return;
    const moved = next.account !== this.filter.account;
    this.filter = next;
    this.account.show(next.account);
    this.controls();
    if (moved) this.balance.reset();
    this.reload();
  }

  query(extra) {
    const { account, group } = this.filter;
    return { account, ...bounds(this.filter), group: group === "none" ? "" : group, ...extra };
  }

  controls() {
    const { period, group } = this.filter;
    const focused = document.activeElement?.name;
    const select = h("select", { name: "period", on: { change: () => change({ period: select.value === DEFAULT_PERIOD ? "" : select.value, from: "", to: "" }) } },
      PERIODS.map((name) => h("option", { value: name, selected: name === period }, t(`period.${name}`))));
    fill(this.bar, this.account.node,
      h("label.field.silent.narrow", {}, h("span", {}, t("statement.period")), select),
      period === "custom" ? [this.day("from"), this.day("to")] : null,
      h("div.segments", { role: "radiogroup", "aria-label": t("statement.group") }, GROUPS.map((name) => this.choice(name, group))),
      h("div.row.end.downloads", {}, h("span.quiet.small", {}, t("statement.download")), FORMATS.map((form) => this.download(form))));
    if (focused) this.bar.querySelector(`[name="${focused}"]${focused === "group" ? ":checked" : ""}`)?.focus();
  }

  day(name) {
    const input = h("input", { type: "date", name, value: this.filter[name], on: { change: () => change({ [name]: input.value }) } });
    return h("label.field.silent.date", {}, h("span", {}, t(`statement.${name}`)), input);
  }

  choice(name, group) {
    const pick = () => change({ group: name === DEFAULT_GROUP ? "" : name });
    return h("label", {}, h("input", { type: "radio", name: "group", value: name, checked: name === group, on: { change: pick } }),
      h("span", {}, t(`group.${name}`)));
  }

  /** A plain link: the browser writes the file as it comes, however long it is. */
  download(format) {
    const query = new URLSearchParams(Object.entries(this.query({ format })).filter(([, value]) => value)).toString();
    return h("a.button.tiny", { href: `${this.session.ledger()}/statement?${query}`, download: "", id: `download-${format}` }, format.toUpperCase());
  }

  events() {
    return this.rows?.events() ?? [];
  }

  async reload() {
    this.running?.abort();
    const running = new AbortController();
    this.running = running;
    fill(this.below);
    fill(this.table, skeletonFor(this.filter.group));
    const { from, to } = this.filter;
    try {
      if (from && to && from > to) throw new api.ApiError("refused", t("statement.order"));
      const answer = await this.read(running.signal);
      if (this.running === running) this.show(answer);
    } catch (error) {
      if (this.running !== running || error.name === "AbortError" || error.kind === "signedout") return;
      fill(this.table);
      fill(this.figures);
      fill(this.below, failure(error, { retry: error.status || error.kind === "network" ? () => this.reload() : null }));
    }
  }

  /** Movements are only asked for when they are not too many to look at. */
  async read(signal) {
    const path = `${this.session.ledger()}/statement`;
    const ask = (extra) => this.session.guard(() => api.get(path, this.query(extra), { signal }));
    if (!this.session.keys) await this.session.loadKeys();
    if (this.filter.group !== "none") return (await ask()).data;
    const { data } = await ask({ group: "type" });
    const count = data.totals.reduce((sum, total) => sum + total.count, 0);
    return count > MOST ? { ...data, rows: null, count } : (await ask()).data;
  }

  show(data) {
    this.heads(data);
    if (data.rows === null) {
      this.rows = null;
      fill(this.table);
      return void fill(this.below, h("p.notice.plain", {}, t("statement.tooMany", { count: data.count })));
    }
    this.rows = new Rows(data, this.filter.group, (key) => accountName(this.session, key));
    fill(this.table, this.rows.node);
    fill(this.below, this.rows.more, this.verdict(data), h("p.small.quiet.notes", {}, t("statement.utc")));
  }

  /** Opening, what moved it by type, closing: all as the server has them. */
  heads({ opening, closing, totals }) {
    const figure = (label, value, lesser) => h("div.figure", { class: lesser ? "lesser" : "" }, h("dt", {}, label), h("dd", {}, value));
    const { to } = bounds(this.filter);
    fill(this.figures,
      figure(t("statement.opening"), money(parseUsd(opening), { full: true }), true),
      totals.map((total) => figure(`${word("event", total.group)} (${number(total.count)})`, money(nanoOf(total), { signed: true, full: true }), true)),
      figure(t(to && Date.parse(to) < Date.now() ? "statement.closing" : "statement.now"), money(parseUsd(closing), { full: true }), false));
  }

  /** Whether what is listed adds up to what the server says. */
  verdict({ opening, closing }) {
    const here = parseUsd(opening) + this.rows.sum;
    const there = parseUsd(closing);
    return here === there
      ? h("p.small.quiet.word.verdict", {}, icon("check"), t("statement.adds"))
      : h("p.notice.danger", { role: "alert" }, icon("alert"), t("statement.differs", { here: exactUsd(here), there: exactUsd(there) }));
  }
}
