// What is around every page: the bar above, the rail at the left, the layers that any page may open.
import { defineAsyncComponent, onErrorCaptured, ref, shallowRef, watch } from "vue";
import { RouterView, useRoute, useRouter } from "vue-router";
import { t } from "../core/i18n.js";
import { recall, remember } from "../core/prefs.js";
import { session } from "../core/session.js";
import { html } from "../html.js";
import { Announcer } from "../parts/confirm.js";
import { Failure } from "../parts/Failure.js";
import { Announcement } from "./Announcement.js";
import { Footer } from "./Footer.js";
import { Palette, usePaletteKey } from "./Palette.js";
import { Rail } from "./Rail.js";
import { TopBar } from "./TopBar.js";

const ExplainDrawer = defineAsyncComponent(() => import("../explain/ExplainDrawer.js"));

/** A page for signed-in people is gone the moment nobody is, before the address follows. */
const isShown = ({ meta }) => session.user !== null || ["anyone", "stranger"].includes(meta.needs);

export const Frame = {
  name: "Frame",
  setup() {
    const route = useRoute();
    const router = useRouter();
    const sheet = ref(false);
    const folded = ref(recall("folded", false));
    const broken = shallowRef(null);
    const finding = usePaletteKey();
    watch(() => route.path, () => { sheet.value = false; broken.value = null; });
    router.onError((error) => { broken.value = error; });
    onErrorCaptured((error) => { broken.value = error; throw error; });
    const fold = () => { folded.value = !folded.value; remember({ folded: folded.value }); };
    const closeEvent = () => router.replace({ query: { ...route.query, event: undefined } });
    return () => html`<div class=${["frame", { stranger: !session.user, folded: folded.value }]}>
      <a class="skip" href="#main" onClick=${(event) => { event.preventDefault(); document.getElementById("main").focus(); }}>${t("frame.skip")}</a>
      <${TopBar} onMenu=${() => { sheet.value = !sheet.value; }} onFind=${() => { finding.value = true; }} />
      ${session.user ? html`<${Rail} open=${sheet.value} folded=${folded.value} onFold=${fold} onClose=${() => { sheet.value = false; }} />` : null}
      <main id="main" tabindex="-1">
        <${Announcement} />
        ${broken.value ? html`<${Failure} error=${{ message: t("error.page"), detail: String(broken.value.message ?? broken.value) }} retry=${() => location.reload()} />` : isShown(route) ? html`<${RouterView} />` : null}
        <${Footer} />
      </main>
      ${session.user && route.query.event ? html`<${ExplainDrawer} key="explain" id=${String(route.query.event)} onClose=${closeEvent} />` : null}
      ${finding.value ? html`<${Palette} onClose=${() => { finding.value = false; }} />` : null}
      <${Announcer} />
    </div>`;
  },
};
