// Puts the console together: the words, the session, the addresses, the frame.
import { createApp, h } from "vue";
import { installExactCopy } from "./core/copy.js";
import i18n, { startWords } from "./core/i18n.js";
import { session, start, watchHealth } from "./core/session.js";
import { Frame } from "./frame/Frame.js";
import { Failure } from "./parts/Failure.js";
import { followSession, followTitle, router } from "./router.js";

const HEALTH_EVERY_MS = 30_000;

/** The router hears the address only once its first page is there: a change before that is made up for. */
function hearEarly() {
  let wanted = null;
  const note = () => { wanted = location.hash.slice(1) || "/"; };
  window.addEventListener("hashchange", note);
  router.isReady().then(() => {
    window.removeEventListener("hashchange", note);
    if (wanted !== null) router.replace(wanted);
  });
}

function show(component) {
  createApp(component).use(i18n).use(router).mount("#app");
}

async function begin() {
  installExactCopy();
  hearEarly();
  const starting = start();
  starting.catch(() => {}); // told below, in words that come meanwhile
  await startWords();
  try {
    await starting;
  } catch (error) {
    return show({ render: () => h("main", {}, h(Failure, { error, retry: () => location.reload() })) });
  }
  followSession();
  followTitle();
  show(Frame);
  setInterval(() => document.visibilityState === "visible" && watchHealth(), HEALTH_EVERY_MS);
  return session;
}

begin();
