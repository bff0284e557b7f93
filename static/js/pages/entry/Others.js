// Signing in through other services: a button for each that the gateway has.
import { useRoute, useRouter } from "vue-router";
import * as api from "../../core/api.js";
import { t } from "../../core/i18n.js";
import { useAction } from "../../core/load.js";
import { session } from "../../core/session.js";
import { html } from "../../html.js";
import { Failure } from "../../parts/Failure.js";
import { keepWay } from "./arrival.js";

/** Goes to a service; whoever is signed in binds what comes back. */
export async function leaveFor(provider, { aff = "", next = "" } = {}) {
  const { authorize_url: there } = await api.get("/api/oauth/state", { provider, aff });
  if (!/^https?:\/\//.test(there ?? "")) throw new Error(t("others.nowhere"));
  keepWay(next);
  location.assign(there);
}

export const Others = {
  name: "Others",
  setup() {
    const route = useRoute();
    const router = useRouter();
    const { error, act } = useAction((name) => {
      const { aff, next } = route.query;
      return name === "wechat" ? router.push({ path: "/wechat", query: { aff, next } }) : leaveFor(name, { aff, next });
    });
    return () => {
      const names = session.status.sign_in_through ?? [];
      return names.length ? html`<div class="others">
        <${Failure} error=${error.value} />
        ${names.map((name) => html`<button type="button" class="button" id=${`through-${name}`} key=${name} onClick=${() => act(name)}>${t("others.through", { service: t(`others.${name}`) })}</button>`)}
      </div>` : null;
    };
  },
};
