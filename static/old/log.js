// One's log with charges.
import { h, fill } from "./dom.js";
import { openDrawer } from "./drawer.js";
import { CHARGE, Feed } from "./feed.js";
import { figures } from "./figures.js";
import { clearFilters, filterBar, fromParams, isNarrow } from "./filters.js";
import { t } from "./i18n.js";
import { failure } from "./notice.js";
import { change, href, read } from "./route.js";
import { columns, link, rowNode, totals } from "./rows.js";
import { snippet } from "./snippet.js";
import { skeleton, table } from "./table.js";

const same = (one, other) => one.range === other.range && one.model === other.model && one.type === other.type;

export class LogPage {
  constructor(session) {
    this.session = session;
    this.feed = new Feed(session);
    this.filter = null;
  }

  mount() {
    this.shape = columns();
    this.table = table(this.shape, t("log.caption"));
    this.below = h("div", { "aria-live": "polite" });
    this.figures = figures(this.session, { onCredited: () => this.reload() });
    const wanted = fromParams(read().params);
    this.filters = filterBar(wanted, this.session, { onRefresh: () => { this.figures.refresh(); this.reload(); } });
    this.table.node.addEventListener("keydown", (event) => this.move(event));
    const slash = (event) => this.shortcut(event);
    document.addEventListener("keydown", slash);
    this.dispose = () => {
      document.removeEventListener("keydown", slash);
      this.figures.dispose();
      this.filters.dispose();
      this.drawer?.close();
    };
    // Only suggestions in the filter depend on these; what the page needs them for asks again.
    if (!this.session.models.length) this.session.loadModels().catch(() => null);
    const known = this.filter && same(this.filter, wanted) && this.feed.stat;
    if (known) this.show();
    else this.reload();
    this.explain();
    return h("div", {}, h("h1.visually-hidden", {}, t("log.title")), this.figures.node, this.filters.node, this.table.node, this.below);
  }

  /** The address changed: another filter, or another event to explain. */
  route() {
    const wanted = fromParams(read().params);
    this.filters.show(wanted);
    if (!same(wanted, this.filter)) this.reload();
    this.explain();
  }

  async reload() {
    this.filter = fromParams(read().params);
    this.table.node.hidden = false;
    fill(this.table.body, skeleton(this.shape));
    fill(this.table.foot);
    fill(this.below);
    try {
      await this.feed.load(this.filter);
      this.show();
    } catch (error) {
      this.fail(error, () => this.reload());
    }
  }

  fail(error, retry) {
    if (error.name === "AbortError" || error.kind === "signedout") return;
    this.table.body.querySelectorAll(".skeleton").forEach((row) => row.remove());
    fill(this.below, failure(error, { retry }));
  }

  show() {
    const { feed } = this;
    this.table.node.hidden = feed.rows.length === 0;
    if (!feed.rows.length) {
      fill(this.below);
      return void this.advise(() => this.empty());
    }
    fill(this.table.body, feed.rows.map((row) => rowNode(row, this.shape)));
    this.tally();
    if (feed.stat.count === 0 && feed.complete && !isNarrow(this.filter)) this.advise(() => this.welcome());
  }

  /** Puts advice below the rows, unless others were asked for meanwhile. */
  async advise(write) {
    const { below, feed: { running } } = this;
    try {
      const advice = await write();
      if (advice && this.feed.running === running) fill(below, advice);
    } catch (error) {
      if (this.feed.running === running) this.fail(error, () => this.reload());
    }
  }

  /** There is credit, but nothing was ever charged: the next step stands under the rows. */
  async welcome() {
    return (await this.feed.any(CHARGE)) ? null : this.first();
  }

  tally() {
    const { feed } = this;
    fill(this.table.foot, totals(feed, this.shape));
    if (feed.complete || feed.ended) return void fill(this.below);
    const button = h("button.button", { type: "button", id: "more", on: { click: () => this.more(button) } }, t("log.more"));
    fill(this.below, h("div.more", {}, button, h("span", {}, t("log.shown", { shown: feed.rows.length, total: feed.total }))));
  }

  async more(button) {
    if (button.getAttribute("aria-disabled") === "true") return;
    button.setAttribute("aria-disabled", "true");
    button.textContent = t("log.loading");
    try {
      const fresh = await this.feed.more();
      const nodes = fresh.map((row) => rowNode(row, this.shape));
      this.table.body.append(...nodes);
      this.tally();
      nodes[0]?.querySelector("a")?.focus({ preventScroll: true });
    } catch (error) {
      button.setAttribute("aria-disabled", "false");
      this.fail(error, () => this.more(button));
    }
  }

  /** Nothing here: because of the filter, or because nothing was ever charged. Each says the next step. */
  async empty() {
    if (await this.feed.any()) {
      const widen = () => { clearFilters(); change({ range: "all" }); };
      return h("div.next", {}, h("h2", {}, t("empty.filtered")), h("p.quiet", {}, t("empty.filtered.next")),
        h("div", {}, h("button.button", { type: "button", on: { click: widen } }, t(isNarrow(this.filter) ? "filter.clear" : "filter.showAll"))));
    }
    return this.first();
  }

  /** How to make the first request. */
  async first() {
    const { session } = this;
    const keys = session.keys ?? await session.loadKeys();
    if (!session.models.length) await session.loadModels();
    const key = keys.find((one) => one.status === 1);
    return h("div.next", {}, h("h2", {}, t("empty.log")),
      h("p.quiet", {}, t(key ? "empty.log.next" : "empty.log.noKey")),
      key ? snippet(session, key) : h("div", {}, h("a.button.primary", { href: href("keys") }, t("keys.new"))));
  }

  explain() {
    const id = read().params.event;
    if (!id) return this.drawer?.close();
    const events = () => this.feed.rows.filter((row) => row.event_id);
    this.mark(id);
    if (this.drawer) return this.drawer.show(id);
    this.drawer = openDrawer(this.session, id, {
      beside: (step) => {
        const rows = events();
        const at = rows.findIndex((row) => row.event_id === read().params.event);
        return at < 0 ? null : rows[at + step] ?? null;
      },
      go: (row) => history.replaceState(null, "", link(row)) ?? window.dispatchEvent(new HashChangeEvent("hashchange")),
      onChange: () => {
        this.figures.refresh();
        this.reload();
      },
      onClose: () => {
        this.drawer = null;
        const last = read().params.event ?? id;
        this.mark(null);
        if (read().params.event) change({ event: "" });
        this.rowOf(last)?.querySelector("a")?.focus({ preventScroll: true });
      },
    });
  }

  rowOf(id) {
    return [...this.table.body.rows].find((row) => row.dataset.event === id);
  }

  mark(id) {
    for (const row of this.table.body.rows) {
      if (id && row.dataset.event === id) row.setAttribute("aria-selected", "true");
      else row.removeAttribute("aria-selected");
    }
  }

  /** ↑ and ↓ walk the rows; Enter is the link's own. */
  move(event) {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    const here = event.target.closest("tbody tr");
    if (!step || !here) return;
    let row = here;
    do row = step > 0 ? row.nextElementSibling : row.previousElementSibling;
    while (row && !row.querySelector("a"));
    if (!row) return;
    event.preventDefault();
    row.querySelector("a").focus();
    row.scrollIntoView({ block: "nearest" });
  }

  shortcut(event) {
    const typing = event.target.closest?.("input, select, textarea, dialog");
    if (event.key !== "/" || typing || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    this.filters.focus();
  }
}
