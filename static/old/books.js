// The books: statements and balances, the proof, and for admins the reversals that wait.
import { h, fill } from "./dom.js";
import { openDrawer } from "./drawer.js";
import { t } from "./i18n.js";
import { ProofView } from "./proof.js";
import { ReversalsView, countPending } from "./reversals.js";
import { change, href, read } from "./route.js";
import { StatementView } from "./statement.js";

const VIEWS = { statement: StatementView, proof: ProofView, reversals: ReversalsView };
const FOR_ADMINS = new Set(["reversals"]);

export class BooksPage {
  constructor(session) {
    this.session = session;
    this.views = {};
    this.shown = null;
  }

  names() {
    return Object.keys(VIEWS).filter((name) => !FOR_ADMINS.has(name) || this.session.isAdmin());
  }

  /** The view of the address; the statement when it names none, or one that is not for this person. */
  name() {
    const { view } = read().params;
    return this.names().includes(view) ? view : "statement";
  }

  mount() {
    this.tabs = h("nav.views", { "aria-label": t("books.views") });
    this.content = h("div", {});
    this.shown = null;
    this.dispose = () => {
      this.view.dispose?.();
      this.drawer?.close();
    };
    this.open();
    this.explain();
    if (this.session.isAdmin()) this.count();
    return h("div", {}, h("h1.visually-hidden", {}, t("books.title")), this.tabs, this.content);
  }

  route() {
    if (this.name() === this.shown) this.view.route?.();
    else {
      this.view.dispose?.();
      this.open();
    }
    this.explain();
  }

  open() {
    this.shown = this.name();
    this.view = this.views[this.shown] ??= new VIEWS[this.shown](this.session, { onPending: () => this.count() });
    this.showTabs();
    fill(this.content, this.view.mount());
  }

  showTabs() {
    fill(this.tabs, this.names().map((name) =>
      h("a", { href: href("books", name === "statement" ? {} : { view: name }), "aria-current": name === this.shown ? "page" : null },
        t(`books.${name}`), name === "reversals" && this.pending ? h("span.count", {}, String(this.pending)) : null)));
  }

  /** How many proposals wait. The list itself says what is wrong when they can't be asked for. */
  async count() {
    const pending = await countPending(this.session).catch(() => null);
    if (pending === null || pending === this.pending) return;
    this.pending = pending;
    this.showTabs();
  }

  explain() {
    const id = read().params.event;
    if (!id) return this.drawer?.close();
    if (this.drawer) return this.drawer.show(id);
    this.drawer = openDrawer(this.session, id, {
      beside: (step) => {
        const ids = this.view.events();
        const at = ids.indexOf(read().params.event);
        return at < 0 ? null : ids[at + step] ?? null;
      },
      go: (event) => change({ event }),
      onChange: () => {
        this.view.reload();
        this.count();
      },
      onClose: () => {
        this.drawer = null;
        const last = read().params.event ?? id;
        if (read().params.event) change({ event: "" });
        this.content.querySelector(`[data-event="${CSS.escape(last)}"] a`)?.focus({ preventScroll: true });
      },
    });
  }
}
