// The check for robots: Turnstile's own widget, where the operator asks for it.
import { h, fill } from "./dom.js";
import { t } from "./i18n.js";

const SCRIPT = "https://challenges.cloudflare.com/turnstile/v0/api.js?render=explicit";
let loading = null;

function load() {
  loading ??= new Promise((loaded, failed) => {
    document.head.append(h("script", { src: SCRIPT, on: { load: loaded, error: failed } }));
  });
  loading.catch(() => { loading = null; });
  return loading;
}

/** `node` holds the widget; `params` are what a request brings; `again` asks for another token, for one is good once. */
export function robotCheck(session) {
  const { turnstile_check: wanted, turnstile_site_key: sitekey } = session.status;
  if (!wanted) return { node: null, params: () => ({}), again() {} };
  const node = h("div", {});
  let token = "", id = null;
  const keep = (given) => { token = given ?? ""; };
  load().then(() => {
    if (node.isConnected) {
      id = window.turnstile.render(node, { sitekey, callback: keep, "expired-callback": () => keep("") });
    }
  }, () => fill(node, h("p.notice.warning", { role: "alert" }, t("robot.absent"))));
  return {
    node,
    params: () => ({ turnstile: token }),
    again() {
      keep("");
      if (id !== null) window.turnstile.reset(id);
    },
  };
}
