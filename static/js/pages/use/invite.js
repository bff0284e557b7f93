// One's own invitation: the link, what both get, and who came by it as the ledger says.
import { computed, onMounted } from "vue";
import { RouterLink, useRoute, useRouter } from "vue-router";
import { t } from "../../core/i18n.js";
import { useLoad } from "../../core/load.js";
import { nanoOf } from "../../core/money.js";
import { address, call, nanoOfQuota, session } from "../../core/session.js";
import { html } from "../../html.js";
import { Copy } from "../../parts/Copy.js";
import { DataTable } from "../../parts/DataTable.js";
import { Failure } from "../../parts/Failure.js";
import { Empty, Figures, Page } from "../../parts/Page.js";
import { Money } from "../../parts/Money.js";
import { Time } from "../../parts/Time.js";

const PAGE = 1000;

/** All rewards of this account, newest first. */
async function rewards(signal) {
  const found = [];
  for (let after = ""; ;) {
    const { data, next } = await call.get("/api/ledger/self/events", { type: "grant.inviter", order: "desc", limit: PAGE, after }, { signal });
    found.push(...data);
    if (!next) return found;
    after = next;
  }
}

async function invitation(signal) {
  const [{ data: code }, came] = await Promise.all([call.get("/api/user/aff", {}, { signal }), rewards(signal)]);
  return { link: `${address()}/register?aff=${encodeURIComponent(code)}`, came };
}

/** What each side gets, in a sentence each; the one who comes also gets what all new users get. */
function gifts() {
  const { quota_for_inviter: mine = 0, quota_for_invitee: more = 0, quota_for_new_user: all = 0 } = session.status;
  const theirs = BigInt(more) + BigInt(all);
  if (!mine && !theirs) return html`<p class="quiet">${t("invite.nothing")}</p>`;
  return html`<ul class="lines">
    <li class="spread"><span>${t("invite.mine")}</span><strong><${Money} nano=${nanoOfQuota(mine)} /></strong></li>
    <li class="spread"><span>${t("invite.theirs")}</span><strong><${Money} nano=${nanoOfQuota(theirs)} /></strong></li></ul>`;
}

export default {
  name: "Invite",
  setup() {
    const route = useRoute();
    const router = useRouter();
    const { data, error, busy, run } = useLoad(invitation);
    onMounted(run);
    const came = computed(() => data.value?.came ?? []);
    const credited = computed(() => came.value.reduce((sum, event) => sum + nanoOf(event), 0n));
    const eventOf = (row) => row.event_id ?? row.id;
    const open = (row) => router.push({ query: { ...route.query, event: eventOf(row) } });
    const columns = () => [
      { id: "at", label: t("column.time"), cell: (row) => html`<${Time} at=${row.at} />` },
      { id: "who", label: t("invite.who"), class: "wide", cell: (row) => t("invite.account", { id: String(row.body.other_user) }) },
      { id: "amount", label: t("column.amount"), number: true, class: "amount", cell: (row) => html`<${RouterLink} to=${{ query: { ...route.query, event: eventOf(row) } }}><${Money} nano=${nanoOf(row)} signed /></${RouterLink}>` },
    ];
    const figures = () => [
      { label: t("invite.count"), value: String(came.value.length) },
      { label: t("invite.credited"), value: html`<${Money} nano=${credited.value} />` },
    ];
    const link = () => html`<div class="snippet invite-link"><pre tabindex="0" id="invite-link">${data.value.link}</pre><${Copy} text=${data.value.link} words /></div>`;
    const empty = () => html`<${Empty} title=${t("invite.none")} text=${t("invite.noneText")} />`;
    const isOpen = () => session.status.register !== false;
    return () => html`<${Page} title=${t("nav.invite")}>${{
      lead: () => t(isOpen() ? "invite.lead" : "invite.closed"),
      default: () => html`
        <${Failure} error=${error.value} retry=${run} />
        ${data.value && isOpen() ? html`<section class="narrow-page"><h2>${t("invite.link")}</h2>${link()}${gifts()}</section>` : null}
        ${came.value.length ? html`<${Figures} items=${figures()} />` : null}
        ${error.value ? null : html`<section class="narrow-page"><h2>${t("invite.came")}</h2>
          <${DataTable} caption=${t("invite.came")} columns=${columns()} rows=${came.value} rowKey=${eventOf} busy=${busy.value} opens opened=${route.query.event ?? null} onOpen=${open}>${{ empty }}</${DataTable}></section>`}`,
    }}</${Page}>`;
  },
};
