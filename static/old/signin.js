// Signing in, and what can be said about the gateway to someone who has not.
import { h, fill } from "./dom.js";
import { t } from "./i18n.js";
import { field, ways } from "./joining.js";
import { failure } from "./notice.js";
import { others } from "./others.js";
import { stateWord } from "./frame.js";
import { when } from "./time.js";
import { robotCheck } from "./turnstile.js";

const SAID = { 401: "signin.wrong", 403: "signin.barred", 429: "signin.slow" };

function facts(session) {
  const { version, start_time: since } = session.status;
  const rows = [
    ["status.state", stateWord(session)],
    ["status.version", version],
    ["status.since", since ? when(since) : null],
    ["status.api", h("span.mono", {}, `${session.address()}/v1`)],
  ];
  return h("dl.facts", {}, rows.filter(([, value]) => value).map(([label, value]) => [
    h("dt", {}, t(label)), h("dd", {}, value)]));
}

/** The refusal in the reader's words; the server's own words where we have none. */
function inWords(error, tried) {
  const said = error.needs === "code" ? (tried ? "signin.wrongcode" : "signin.code") : SAID[error.status];
  if (said) error.message = t(said, { reason: error.message });
  return error;
}

/** Asks for a code of the authenticator beside the password, once that turned out to be needed. */
function askForCode(form, button) {
  if (!form.elements.code) {
    button.before(field("code", t("signin.codefield"), { autocomplete: "one-time-code", autocapitalize: "characters" }));
  }
  form.elements.code.select();
}

async function submit(form, says, button, session, robot) {
  const username = form.elements.username.value.trim();
  const password = form.elements.password.value;
  const code = form.elements.code?.value.trim() ?? "";
  if (!username || !password) {
    fill(says, h("p.notice.warning", { role: "alert" }, t("signin.needs")));
    form.elements[username ? "password" : "username"].focus();
    return;
  }
  if (button.getAttribute("aria-disabled") === "true") return;
  button.setAttribute("aria-disabled", "true");
  button.textContent = t("signin.going");
  try {
    await session.signIn(username, password, code, robot.params());
  } catch (error) {
    const asked = error.needs === "code";
    fill(says, asked && !code ? h("p.notice.warning", { role: "status" }, t("signin.code")) : failure(inWords(error, code)));
    button.setAttribute("aria-disabled", "false");
    button.textContent = t("signin.go");
    if (asked) askForCode(form, button);
    else form.elements.password.select();
    robot.again();
  }
}

export function signInPage(session) {
  const says = h("div", {}, session.ended ? h("p.notice.warning", { role: "status" }, t("error.ended")) : null);
  const button = h("button.button.primary", { type: "submit" }, t("signin.go"));
  const robot = robotCheck(session);
  const form = h("form", { novalidate: true },
    h("h1", {}, t("signin.title")), says,
    field("username", t("signin.username"), { autocomplete: "username", autocapitalize: "none", spellcheck: "false" }),
    field("password", t("signin.password"), { type: "password", autocomplete: "current-password" }),
    robot.node, button);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    submit(form, says, button, session, robot);
  });
  return { node: h("div.signin", {}, form, others(session, says), ways(session, ""), facts(session)), focus: () => form.elements.username.focus() };
}
