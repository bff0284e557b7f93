// Signing in through others: the buttons, the way back from there, and WeChat's codes.
import * as api from "./api.js";
import { h, fill } from "./dom.js";
import { t } from "./i18n.js";
import { field, page, ways } from "./joining.js";
import { failure } from "./notice.js";
import { href, read } from "./route.js";

/** Whom the other service vouches for may still owe a code: then the ticket for it. */
async function comeIn(session, ask) {
  try {
    await session.signedIn(await ask());
  } catch (error) {
    const ticket = error.data?.ticket;
    if (!ticket) throw error;
    return ticket;
  }
  location.hash = href("log");
  return "";
}

async function leave(provider, says) {
  try {
    const params = { provider, aff: read().params.aff ?? "" };
    const { authorize_url: address } = await api.get("/api/oauth/state", params);
    if (!/^https?:\/\//.test(address ?? "")) throw new Error(t("others.nowhere"));
    location.assign(address);
  } catch (error) {
    fill(says, failure(error));
  }
}

/** A button for each service that the gateway has. */
export function others(session, says) {
  const names = session.status.sign_in_through ?? [];
  if (!names.length) return null;
  const go = (name) => name === "wechat" ? (location.hash = href("wechat", read().params)) : leave(name, says);
  return h("div.others", {}, names.map((name) =>
    h("button.button", { type: "button", id: `through-${name}`, on: { click: () => go(name) } }, t("others.through", { service: t(`others.${name}`) }))));
}

const codeField = () => field("code", t("others.code"), { autocomplete: "one-time-code", autocapitalize: "characters" });

function secondPage(session, ticket) {
  return page(session, "oauth", t("others.second"), t("signin.go"), [codeField()], async (value) => {
    await comeIn(session, () => api.post("/api/user/login/second", { ticket, code: value("code") }));
  });
}

/** #/oauth?provider=…&code=…: where /oauth/… leads. The code leaves the address at once: it is good once. */
export function comingBackPage(session) {
  const { provider = "", code, state, error } = read().params;
  history.replaceState(null, "", href(""));
  const says = h("div", {}, h("p.notice", { role: "status" }, t("others.going")));
  const title = h("h1", { tabindex: "-1" }, t("others.title"));
  const node = h("div.signin", {}, title, says, ways(session, "oauth"));
  const known = (session.status.sign_in_through ?? []).includes(provider);
  const go = async () => {
    try {
      if (error || !known || !code) throw new Error(t(error === "access_denied" ? "others.denied" : "others.broken"));
      const ticket = await comeIn(session, () => api.get(`/api/oauth/${provider}`, { code, state }));
      if (!ticket) return;
      const second = secondPage(session, ticket);
      node.replaceWith(second.node);
      second.focus();
    } catch (failed) {
      fill(says, failure(failed));
    }
  };
  go();
  return { node, focus: () => title.focus() };
}

/** WeChat: a word to an official account is answered by a code. */
export function wechatPage(session) {
  const picture = session.status.wechat_qrcode;
  const says = /^https?:\/\//.test(picture ?? "")
    ? h("p.small", {}, h("a", { href: picture, target: "_blank", rel: "noreferrer" }, t("others.picture"))) : null;
  const aff = read().params.aff ?? "";
  const made = page(session, "wechat", t("others.wechat_title"), t("signin.go"), [h("p.small", {}, t("others.wechat_how")), says, codeField()], async (value) => {
    const ticket = await comeIn(session, () => api.get("/api/oauth/wechat", { code: value("code"), aff }));
    if (!ticket) return;
    const second = secondPage(session, ticket);
    made.node.replaceWith(second.node);
    second.focus();
  });
  return made;
}
