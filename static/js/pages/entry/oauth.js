// Coming back from another service: #/oauth?provider=…&code=…, where /oauth/… leads. Signs in, signs up, or binds for who is signed in.
import { onMounted, ref, shallowRef } from "vue";
import { RouterLink, useRoute, useRouter } from "vue-router";
import * as api from "../../core/api.js";
import { t } from "../../core/i18n.js";
import { session } from "../../core/session.js";
import { html } from "../../html.js";
import { say } from "../../parts/confirm.js";
import { Failure, Notice } from "../../parts/Failure.js";
import { asRefusal, comeIn, takeWay } from "./arrival.js";
import { Second } from "./Second.js";

export default {
  name: "ComingBack",
  setup() {
    const route = useRoute();
    const router = useRouter();
    const error = shallowRef(null);
    const ticket = ref("");
    const goOn = () => router.replace(takeWay());
    async function arrive({ provider, code, state, error: refused }) {
      const known = (session.status.sign_in_through ?? []).includes(provider);
      if (refused || !known || !code) throw new Error(t(refused === "access_denied" ? "others.denied" : "others.broken"));
      const came = await comeIn(() => api.get(`/api/oauth/${provider}`, { code, state }));
      if (came.ticket) ticket.value = came.ticket;
      else await goOn();
      if (came.bound) say(t("others.bound", { service: t(`others.${provider}`) }));
    }
    onMounted(async () => {
      const came = { ...route.query };
      await router.replace({ path: "/oauth" }); // the code leaves the address at once: it is good once
      try {
        await arrive(came);
      } catch (problem) {
        error.value = asRefusal(problem);
      }
    });
    const back = () => (session.user ? html`<${RouterLink} to="/profile">${t("nav.profile")}</${RouterLink}>` : html`<${RouterLink} to="/signin">${t("way.signin")}</${RouterLink}>`);
    return () => (ticket.value ? html`<${Second} ticket=${ticket.value} onDone=${goOn} />` : html`<div class="signin">
      <h1>${t("others.title")}</h1>
      ${error.value ? html`<${Failure} error=${error.value} /><p class="small">${back()}</p>` : html`<${Notice}>${t("others.going")}</${Notice}>`}
    </div>`);
  },
};
