// Are the books right? The answer in one line, what was checked, a check right now, and how to check without this server.
import { computed, onMounted } from "vue";
import { number, t } from "../../core/i18n.js";
import { useEvery } from "../../core/load.js";
import { html } from "../../html.js";
import { Failure } from "../../parts/Failure.js";
import { Icon } from "../../parts/Icon.js";
import { Page } from "../../parts/Page.js";
import { Time } from "../../parts/Time.js";
import { Alone } from "./parts/Alone.js";
import { Checks, Findings } from "./parts/Checks.js";
import { History } from "./parts/History.js";
import { RunNow } from "./parts/RunNow.js";
import { Seals } from "./parts/Seals.js";
import { useBooks } from "./parts/state.js";

const REFRESH_MS = 30_000;

/** What can honestly be said: of what was checked, and until when. */
function verdict(books) {
  const { audit, faults, events, writers, sealed, verified } = books;
  if (!audit && !verified) return { kind: "unknown", said: t("verify.unknown", { events: number(events) }) };
  const parts = [
    t("verify.events", { count: events }), t("verify.writers", { count: writers }),
    sealed ? [t("verify.sealedUntil"), " ", html`<${Time} at=${sealed} />`] : t("books.notSealed"),
    faults ? t("books.faults", { count: faults }) : t("verify.noFault"),
  ];
  return { kind: faults ? "danger" : "good", said: parts.flatMap((part, at) => (at ? [t("audit.clause"), part] : [part])) };
}

function line(books) {
  const { kind, said } = verdict(books);
  const { verified } = books;
  return html`<div class="verdict-box">
    <p class=${["verdict-line", "word", kind]} role="status"><${Icon} name=${{ good: "check", danger: "alert" }[kind] ?? "info"} /><span>${said}</span></p>
    <p class="quiet">${verified ? [t("verify.last"), " ", html`<${Time} at=${verified.ended} />`, t("audit.clause"), t("verify.lastCount", { count: verified.report.events + verified.report.checked_before })] : t("verify.neverWhole")}</p>
  </div>`;
}

export default {
  name: "Verify",
  setup() {
    const { books, error, run } = useBooks();
    onMounted(run);
    useEvery(REFRESH_MS, run);
    const newest = computed(() => books.value?.seal ?? null);
    return () => html`<${Page} title=${t("nav.verify")}>${{
      lead: () => t("verify.lead"),
      default: () => html`
        ${books.value ? line(books.value) : html`<p class="quiet" aria-busy=${error.value ? null : "true"}>${error.value ? null : t("books.reading")}</p>`}
        <${Failure} error=${error.value} retry=${run} />
        <${RunNow} running=${books.value?.running ?? null} last=${books.value?.runs[0] ?? null} onEnded=${run} />
        ${books.value ? [html`<${Findings} key="findings" books=${books.value} />`, html`<${Checks} key="checks" books=${books.value} />`, html`<${History} key="history" books=${books.value} />`] : null}
        <${Seals} key=${newest.value?.number ?? 0} />
        <${Alone} newest=${newest.value} />`,
    }}</${Page}>`;
  },
};
