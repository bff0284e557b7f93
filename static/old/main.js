// Puts the console together: the session, the pages, the address, the language.
import { BooksPage } from "./books.js";
import { installExactCopy } from "./copy.js";
import { h, fill } from "./dom.js";
import { frame } from "./frame.js";
import { onLanguage, t } from "./i18n.js";
import { joinPage, resetPage } from "./joining.js";
import { KeysPage } from "./keys.js";
import { LogPage } from "./log.js";
import { failure } from "./notice.js";
import { comingBackPage, wechatPage } from "./others.js";
import { onRoute, read } from "./route.js";
import { Session } from "./session.js";
import { signInPage } from "./signin.js";

const HEALTH_EVERY_MS = 30_000;
const STRANGERS = { join: joinPage, reset: resetPage, oauth: comingBackPage, wechat: wechatPage };
const PAGES = { log: LogPage, keys: KeysPage, books: BooksPage };

class Console {
  constructor(root, session) {
    Object.assign(this, { root, session, pages: {}, shown: null, user: undefined });
  }

  /** The page of the address; "log" when it names none. */
  name() {
    const { page } = read();
    return page in PAGES ? page : "log";
  }

  title(page) {
    const name = this.session.status.system_name || "Tollgate";
    document.title = page ? `${t(`nav.${page}`)} · ${name}` : name;
  }

  render() {
    this.shown?.page.dispose();
    this.shown = null;
    this.user = this.session.user?.id ?? null;
    if (this.user === null) return this.renderSignIn();
    const name = this.name();
    this.pages[name] ??= new PAGES[name](this.session);
    const page = this.pages[name];
    const content = page.mount();
    this.shown = { name, page };
    fill(this.root, frame(this.session, name, content));
    this.title(name);
  }

  renderSignIn() {
    this.pages = {};
    document.querySelectorAll("dialog").forEach((dialog) => dialog.close());
    const made = STRANGERS[read().page] ?? signInPage;
    const { node, focus } = made(this.session);
    fill(this.root, frame(this.session, null, node));
    this.title(null);
    focus();
  }

  route() {
    if (this.user === null) return this.renderSignIn();
    if (this.shown?.name === this.name()) this.shown.page.route();
    else this.render();
  }

  sessionChanged() {
    if ((this.session.user?.id ?? null) !== this.user) this.render();
  }
}

/** A switched language rebuilds the page; focus stays on the control that was used. */
function relabel(console_) {
  const id = document.activeElement?.id;
  console_.render();
  if (id) document.getElementById(id)?.focus();
}

async function start() {
  const root = document.getElementById("app");
  const session = new Session();
  const console_ = new Console(root, session);
  installExactCopy();
  try {
    await session.start();
  } catch (error) {
    fill(root, h("main", {}, failure(error, { retry: () => location.reload() })));
    return;
  }
  console_.render();
  session.onChange(() => console_.sessionChanged());
  onRoute(() => console_.route());
  onLanguage(() => relabel(console_));
  setInterval(() => {
    if (document.visibilityState === "visible") session.watchHealth();
  }, HEALTH_EVERY_MS);
}

start();
