// The top bar around every page.
import { h, icon, fill } from "./dom.js";
import { LANGUAGES, language, setLanguage, t } from "./i18n.js";
import { THEMES, setTheme, theme } from "./prefs.js";
import { href } from "./route.js";

const PAGES = ["log", "keys", "books"];

export function stateWord(session) {
  const node = h("span.state", {});
  const show = () => {
    node.dataset.state = session.health;
    node.textContent = t(`state.${session.health}`);
  };
  show();
  session.onChange(show);
  return node;
}

function themeButton() {
  const button = h("button.button.bare.icon-only", { type: "button" });
  const show = () => {
    const name = t("theme", { name: t(`theme.${theme()}`) });
    fill(button, icon(theme()));
    button.title = name;
    button.setAttribute("aria-label", name);
  };
  button.addEventListener("click", () => {
    setTheme(THEMES[(THEMES.indexOf(theme()) + 1) % THEMES.length]);
    show();
  });
  show();
  return button;
}

/** With two languages, one button that names the other one, in its own words. */
function languageButton() {
  const [other] = Object.keys(LANGUAGES).filter((code) => code !== language());
  return h("button.button.bare", {
    type: "button", lang: other, id: "language", on: { click: () => setLanguage(other) },
  }, LANGUAGES[other]);
}

function tabs(page) {
  return h("nav.tabs", { "aria-label": t("nav.main") }, PAGES.map((name) =>
    h("a", { href: href(name), "aria-current": name === page ? "page" : null }, t(`nav.${name}`))));
}

function account(session) {
  const leave = h("button.button.bare.icon-only", {
    type: "button", title: t("signout"), "aria-label": t("signout"), id: "signout", on: { click: () => session.signOut() },
  }, icon("out"));
  const name = session.user.display_name || session.user.username;
  return [h("span.who", { title: session.user.username }, name), leave];
}

export function frame(session, page, content) {
  const name = session.status.system_name || "Tollgate";
  const bar = h("header.topbar", {},
    h("a.brand", { href: href(session.user ? "log" : "") }, icon("mark"), h("span", {}, name)),
    session.user ? tabs(page) : null,
    h("div.tools", {},
      session.user ? stateWord(session) : null,
      languageButton(), themeButton(),
      session.user ? account(session) : null));
  return [bar, h("main", { id: "main", tabindex: "-1" }, content)];
}
