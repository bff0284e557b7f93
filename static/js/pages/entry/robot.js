// The check for robots: Turnstile's own widget, where the operator asks for it.
import { onBeforeUnmount, onMounted, ref } from "vue";
import { t } from "../../core/i18n.js";
import { shade } from "../../core/prefs.js";
import { session } from "../../core/session.js";
import { html } from "../../html.js";
import { Notice } from "../../parts/Failure.js";

const SCRIPT = "https://challenges.cloudflare.com/turnstile/v0/api.js?render=explicit";
let loading = null;

function load() {
  loading ??= new Promise((loaded, failed) => {
    document.head.append(Object.assign(document.createElement("script"), { src: SCRIPT, onload: loaded, onerror: failed }));
  });
  loading.catch(() => { loading = null; });
  return loading;
}

/** `node()` is the widget, `params()` what a request brings; `again()` asks for another token, for one is good once. */
export function useRobotCheck() {
  const { turnstile_check: wanted, turnstile_site_key: sitekey } = session.status;
  if (!wanted) return { node: () => null, params: () => ({}), again() {} };
  const box = ref(null);
  const absent = ref(false);
  let token = "";
  let id = null;
  const keep = (given) => { token = given ?? ""; };
  onMounted(async () => {
    try {
      await load();
      if (box.value) id = window.turnstile.render(box.value, { sitekey, theme: shade.value, callback: keep, "expired-callback": () => keep("") });
    } catch {
      absent.value = true;
    }
  });
  onBeforeUnmount(() => { if (id !== null) window.turnstile.remove?.(id); });
  return {
    node: () => html`<div ref=${box} class="robot" />${absent.value ? html`<${Notice} kind="warning">${t("robot.absent")}</${Notice}>` : null}`,
    params: () => ({ turnstile: token }),
    again() {
      keep("");
      if (id !== null) window.turnstile.reset(id);
    },
  };
}
