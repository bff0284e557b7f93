// Checking now: a verification with its progress, which goes on when the page is left, or an audit at once.
import { computed, ref } from "vue";
import { number, t } from "../../../core/i18n.js";
import { useAction, useEvery } from "../../../core/load.js";
import { call } from "../../../core/session.js";
import { html } from "../../../html.js";
import { say } from "../../../parts/confirm.js";
import { Failure, Notice } from "../../../parts/Failure.js";
import { Time } from "../../../parts/Time.js";
import { nameOf } from "../../../core/names.js";

const LOOK_MS = 1_000;

function progress(run) {
  const known = run.total > 0;
  const said = known ? t("verify.progress", { done: number(run.done), total: number(run.total) }) : t("verify.starting");
  return html`<div class="progress" role="status" aria-live="polite">
    <progress aria-label=${t("verify.running")} max=${known ? run.total : null} value=${known ? Math.min(run.done, run.total) : null} />
    <span>${said}</span>
    <span class="quiet small">${t(run.new ? "verify.kind.new" : "verify.kind.all")}${t("audit.clause")}${t("verify.startedBy", { name: nameOf(run.actor) || run.actor })} <${Time} at=${run.began} />${t("audit.stop")} ${t("verify.leave")}</span>
  </div>`;
}

/** `running` and `last` are runs as the server has them; "ended" is emitted when there is something new to read. */
export const RunNow = {
  name: "RunNow",
  props: { running: { default: null }, last: { default: null } },
  emits: ["ended"],
  setup(props, { emit }) {
    const mine = ref(null);
    const shown = computed(() => mine.value ?? props.running);
    useEvery(LOOK_MS, async () => {
      if (!shown.value) return;
      const { data } = await call.get("/api/ledger/verifications").catch(() => ({ data: null }));
      if (!data) return;
      const now = data.find(({ id }) => id === shown.value.id);
      mine.value = now?.state === "running" ? now : null;
      if (!mine.value) emit("ended");
    });
    const start = useAction(async (fresh) => { mine.value = (await call.post("/api/ledger/verifications", { new: fresh })).data; });
    const audit = useAction(async () => {
      const { data } = await call.post("/api/ledger/audit");
      say(data.faults ? t("books.faults", { count: data.faults }) : t("audit.done", { count: data.accounts }));
      emit("ended");
    });
    const button = (id, primary, off, act, words) => html`<button type="button" id=${id} class=${["button", { primary }]} aria-disabled=${off ? "true" : null} onClick=${() => off || act()}>${words}</button>`;
    return () => {
      const off = Boolean(shown.value) || start.busy.value;
      const failed = !shown.value && ["failed", "broken"].includes(props.last?.state);
      return html`<section class="run-now">
        <h2>${t("verify.now")}</h2>
        <p class="quiet prose">${t("verify.why")}</p>
        <div class="row wrap">
          ${button("verify-all", true, off, () => start.act(false), t("verify.all"))}
          ${button("verify-new", false, off, () => start.act(true), t("verify.new"))}
          ${button("audit-now", false, audit.busy.value, audit.act, t("audit.now"))}
        </div>
        ${shown.value ? progress(shown.value) : null}
        ${failed ? html`<${Notice} kind="warning">${t(`verify.state.${props.last.state}`)} ${props.last.error ?? ""}</${Notice}>` : null}
        <${Failure} error=${start.error.value ?? audit.error.value} />
      </section>`;
    };
  },
};
