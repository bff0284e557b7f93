// For who has charged nothing yet: a key at one press, then the request that makes the first call.
import { onMounted } from "vue";
import { RouterLink } from "vue-router";
import { t } from "../../../core/i18n.js";
import { useAction, useLoad } from "../../../core/load.js";
import { call, loadKeys, loadModels, session } from "../../../core/session.js";
import { html } from "../../../html.js";
import { Failure } from "../../../parts/Failure.js";
import { FirstRequest } from "../../../parts/FirstRequest.js";
import { Icon } from "../../../parts/Icon.js";

const ACTIVE = 1;

export const Start = {
  name: "Start",
  setup() {
    const { error, busy, run } = useLoad(() => Promise.all([loadKeys(), loadModels()]));
    onMounted(() => run());
    const making = useAction(async () => {
      await call.post("/api/token/", { name: t("start.keyName"), unlimited_quota: true });
      await loadKeys();
    });
    const first = (key) => html`<h2>${t("start.request")}</h2><p class="quiet">${t("start.request.text")}</p><${FirstRequest} secret=${key.key} />
      <p><${RouterLink} to="/playground">${t("start.playground")}</${RouterLink}></p>`;
    const noKey = () => html`<h2>${t("start.key")}</h2><p class="quiet">${t("start.key.text")}</p>
      <div class="row"><button type="button" class="button primary" id="firstkey" aria-disabled=${making.busy.value ? "true" : null} onClick=${() => making.act()}>
        <${Icon} name="key" />${t("start.make")}</button></div><${Failure} error=${making.error.value} />`;
    return () => {
      if (error.value) return html`<${Failure} error=${error.value} retry=${() => run()} />`;
      if (busy.value && !session.keys) return html`<div aria-busy="true" />`;
      const key = (session.keys ?? []).find((one) => one.status === ACTIVE);
      return html`<section class="next" aria-live="polite">${key ? first(key) : noKey()}</section>`;
    };
  },
};
