// Name and logo, balance, search, language, colours, account.
import { onMounted, watch } from "vue";
import { RouterLink } from "vue-router";
import { language, LANGUAGES, setLanguage, t } from "../core/i18n.js";
import { colours, COLOURS, setColours } from "../core/prefs.js";
import { loadBalance, session, signOut, systemName } from "../core/session.js";
import { html } from "../html.js";
import { Icon } from "../parts/Icon.js";
import { Menu } from "../parts/Menu.js";
import { Money } from "../parts/Money.js";

const PUBLIC = ["pricing", "about"];

function brand() {
  const { logo } = session.status;
  return html`<${RouterLink} to="/" class="brand" aria-label=${systemName.value}>${logo ? html`<img src=${logo} alt="" height="20" />` : html`<${Icon} name="mark" />`}<span>${systemName.value}</span></${RouterLink}>`;
}

/** With two languages, one button that names the other one, in its own words. */
function languageButton() {
  const [other] = Object.keys(LANGUAGES).filter((code) => code !== language());
  return html`<button type="button" class="button bare" id="language" lang=${other} onClick=${() => setLanguage(other)}>${LANGUAGES[other]}</button>`;
}

function coloursButton() {
  const next = () => setColours(COLOURS[(COLOURS.indexOf(colours.value) + 1) % COLOURS.length]);
  const name = t("theme", { name: t(`theme.${colours.value}`) });
  return html`<button type="button" class="button bare icon-only" id="colours" title=${name} aria-label=${name} onClick=${next}><${Icon} name=${colours.value} /></button>`;
}

function accountMenu() {
  const name = session.user.display_name || session.user.username;
  const face = () => html`<span class="who" title=${session.user.username}>${name}</span><${Icon} name="down" />`;
  return html`<${Menu} label=${t("frame.account", { name })} end>${{
    face,
    default: (close) => html`<div class="list">
      <${RouterLink} to="/profile" onClick=${close}>${t("nav.profile")}</${RouterLink}>
      ${[...PUBLIC, "api"].map((page) => html`<${RouterLink} key=${page} to="/${page}" onClick=${close}>${t(`nav.${page}`)}</${RouterLink}>`)}
      <button type="button" id="signout" onClick=${() => signOut()}>${t("signout")}</button></div>`,
  }}</${Menu}>`;
}

function strangersLinks() {
  return html`<nav class="links" aria-label=${t("nav.main")}>${PUBLIC.map((page) => html`<${RouterLink} key=${page} to="/${page}">${t(`nav.${page}`)}</${RouterLink}>`)}
    <${RouterLink} to="/signin">${t("nav.signin")}</${RouterLink}></nav>`;
}

export const TopBar = {
  name: "TopBar",
  emits: ["menu", "find"],
  setup(_, { emit }) {
    const readBalance = () => session.user && loadBalance().catch(() => null); // the overview says so if the books cannot be read
    onMounted(readBalance);
    watch(() => session.user?.id, readBalance);
    return () => html`<header class="topbar">
      ${session.user ? html`<button type="button" class="button bare icon-only menu-button" aria-label=${t("frame.menu")} onClick=${() => emit("menu")}><${Icon} name="menu" /></button>` : null}
      ${brand()}
      <div class="tools">
        ${session.health === "down" ? html`<span class="word danger"><${Icon} name="alert" />${t("state.down")}</span>` : null}
        ${session.user ? html`
          <button type="button" class="button find" id="find" aria-label=${t("palette.open")} aria-keyshortcuts="Control+K Meta+K" onClick=${() => emit("find")}><${Icon} name="search" /><span>${t("palette.open")}</span><kbd aria-hidden="true">Ctrl K</kbd></button>
          <${RouterLink} to="/statement" class="balance" title=${t("balance")}><span class="visually-hidden">${t("balance")}</span><${Money} nano=${session.balance} down /></${RouterLink}>` : strangersLinks()}
        ${languageButton()}${coloursButton()}
        ${session.user ? accountMenu() : null}
      </div>
    </header>`;
  },
};
