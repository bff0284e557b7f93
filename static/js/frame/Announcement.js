// The operator's notice, above the pages of signed-in people: until it is put away, and again when its text is another one.
import { ref, shallowRef, watch } from "vue";
import * as api from "../core/api.js";
import { t } from "../core/i18n.js";
import { recall, remember } from "../core/prefs.js";
import { session } from "../core/session.js";
import { html } from "../html.js";
import { Icon } from "../parts/Icon.js";

/** A short mark of a text, by which a browser knows again what it has put away. */
function markOf(text) {
  let sum = 5381;
  for (const letter of text) sum = ((sum * 33) ^ letter.codePointAt(0)) >>> 0;
  return sum.toString(36);
}

export const Announcement = {
  name: "Announcement",
  setup() {
    const notice = shallowRef(null);
    const put = ref(recall("notice", ""));
    async function read() {
      notice.value = null;
      if (session.user) notice.value = await api.get("/api/notice").catch(() => null); // a page is no worse for lacking it
    }
    watch(() => session.user?.id, read, { immediate: true });
    const putAway = () => { put.value = markOf(notice.value.data); remember({ notice: put.value }); };
    const said = ({ html: text, url }) => (url ? html`<a href=${url} target="_blank" rel="noopener noreferrer">${t("announcement.link")}</a>` : html`<div class="prose" innerHTML=${text} />`);
    return () => {
      if (!session.user || !notice.value?.data?.trim() || markOf(notice.value.data) === put.value) return null;
      return html`<aside class="announcement" aria-label=${t("announcement")}><${Icon} name="info" />${said(notice.value)}
        <button type="button" class="button bare icon-only tiny" aria-label=${t("announcement.close")} title=${t("announcement.close")} onClick=${putAway}><${Icon} name="close" /></button></aside>`;
    };
  },
};
