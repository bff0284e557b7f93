// Addresses. The fragment holds what is shown: #/log?range=7d&model=…&event=…  A link to a charge is just the address.
import { watch } from "vue";
import { createRouter, createWebHashHistory } from "vue-router";
import { t } from "./core/i18n.js";
import { role, ROLES, session, systemName } from "./core/session.js";
import { PAGES } from "./pages.js";
import { Missing } from "./parts/Missing.js";

const FIRST = "overview";

const routes = PAGES.map(({ name, path, needs, load }) => ({ name, path, component: load, meta: { needs } }));
export const router = createRouter({
  history: createWebHashHistory(),
  routes: [...routes, { name: "missing", path: "/:rest(.*)*", component: Missing, meta: { needs: "anyone" } }],
  scrollBehavior: (to, from, kept) => kept ?? (to.path === from.path ? false : { top: 0 }),
});

/** Where somebody may be sent back to after signing in: a path of this console and nothing else. */
export const safePath = (path) => (/^\/(?!\/)/.test(path ?? "") ? path : "/");

export const afterSignIn = () => safePath(router.currentRoute.value.query.next === undefined ? `/${FIRST}` : String(router.currentRoute.value.query.next));

router.beforeEach((to) => {
  const { needs } = to.meta;
  if (needs === "stranger") return session.user ? { name: FIRST } : true;
  if (ROLES[needs] > role.value) return session.user ? { name: "missing", params: { rest: [to.path.slice(1)] } } : { name: "signin", query: { next: to.fullPath } };
  return true;
});

/** When a sign-in ends on an open page, the page that asks for a new one leads back to it. */
export function followSession() {
  watch(() => session.user?.id, (now, before) => {
    const { fullPath, meta } = router.currentRoute.value;
    if (now && !before && meta.needs === "stranger") router.replace(afterSignIn());
    if (!now && before && meta.needs !== "anyone") {
      router.replace(session.ended ? { name: "signin", query: { next: fullPath } } : { name: "signin" });
    }
  });
}

export function followTitle() {
  watch(() => [router.currentRoute.value.name, systemName.value, t("nav.home")], () => {
    const { name } = router.currentRoute.value;
    document.title = name && name !== "home" ? `${t(`nav.${String(name)}`)} · ${systemName.value}` : systemName.value;
  }, { immediate: true });
}
