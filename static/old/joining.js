// Signing up, and setting a new password: what a stranger can do besides signing in.
import * as api from "./api.js";
import { h, fill } from "./dom.js";
import { t } from "./i18n.js";
import { done, failure } from "./notice.js";
import { others } from "./others.js";
import { href, read } from "./route.js";
import { robotCheck } from "./turnstile.js";

export function field(name, label, props) {
  return h("label.field", {}, h("span", {}, label), h("input", { name, required: true, ...props }));
}

/** Links to the other pages for strangers, as far as the gateway has them. */
export function ways(session, here) {
  const { register, password_register: byPassword, mail } = session.status;
  const pages = [["", true], ["join", register && byPassword], ["reset", mail]];
  const shown = pages.filter(([page, open]) => open && page !== here);
  return h("p.small.ways", {}, shown.map(([page]) => h("a", { href: href(page) }, t(`way.${page || "signin"}`))));
}

/** A form that says what went wrong; `work` returns what to say when it went well, or nothing. */
export function page(session, here, title, action, fields, work) {
  const says = h("div", {});
  const robot = robotCheck(session);
  const button = h("button.button.primary", { type: "submit" }, action);
  const form = h("form", { novalidate: true }, h("h1", {}, title), says, fields, robot.node, button);
  const value = (name) => {
    const written = form.elements[name]?.value ?? "";
    return name === "password" ? written : written.trim();
  };
  const attempt = async (what) => {
    if (button.getAttribute("aria-disabled") === "true") return;
    button.setAttribute("aria-disabled", "true");
    try {
      const said = await what(value, robot.params());
      fill(says, said ? done(said) : null);
    } catch (error) {
      fill(says, failure(error));
    } finally {
      button.setAttribute("aria-disabled", "false");
      robot.again();
    }
  };
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const empty = [...form.elements].find((element) => element.required && !element.value.trim());
    if (!empty) return attempt(work);
    fill(says, h("p.notice.warning", { role: "alert" }, t("join.needs")));
    empty.focus();
  });
  const through = here === "join" ? others(session, says) : null;
  const node = h("div.signin", {}, form, through, ways(session, here));
  return { node, attempt, focus: () => form.querySelector("input")?.focus() };
}

const mailField = () => field("email", t("join.email"), { type: "email", autocomplete: "email", autocapitalize: "none" });
const newPassword = () => field("password", t("join.password"), { type: "password", autocomplete: "new-password" });

function proofFields(ask) {
  const send = h("button.button", { type: "button", id: "send-code", on: { click: ask } }, t("join.send"));
  return [mailField(), send, field("code", t("join.code"), { autocomplete: "one-time-code", autocapitalize: "characters" })];
}

export function joinPage(session) {
  const ask = () => made.attempt(async (value, params) => {
    await api.get("/api/verification", { email: value("email"), ...params });
    return t("join.sent");
  });
  const fields = [
    field("username", t("signin.username"), { autocomplete: "username", autocapitalize: "none", spellcheck: "false" }),
    newPassword(),
    session.status.email_verification ? proofFields(ask) : null,
  ];
  const made = page(session, "join", t("join.title"), t("join.go"), fields, async (value, params) => {
    const username = value("username"), password = value("password");
    const proof = { email: value("email"), verification_code: value("code") };
    const body = { username, password, ...proof, aff_code: read().params.aff ?? "" };
    await api.post("/api/user/register", body, { params });
    await session.signIn(username, password, "");
    location.hash = href("keys");
  });
  return made;
}

export function resetPage(session) {
  const { email, token } = read().params;
  if (token) {
    return page(session, "reset", t("reset.title"), t("reset.set"), [newPassword()], async (value) => {
      await api.post("/api/user/reset", { email, token, password: value("password") });
      return t("reset.done");
    });
  }
  return page(session, "reset", t("reset.title"), t("reset.ask"), [mailField()], async (value, params) => {
    await api.get("/api/reset_password", { email: value("email"), ...params });
    return t("reset.sent");
  });
}
