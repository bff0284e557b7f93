// The state of the books in one line, above the stream of events.
import { onMounted } from "vue";
import { RouterLink } from "vue-router";
import { number, t } from "../../../core/i18n.js";
import { useEvery } from "../../../core/load.js";
import { html } from "../../../html.js";
import { Failure } from "../../../parts/Failure.js";
import { Icon } from "../../../parts/Icon.js";
import { Time } from "../../../parts/Time.js";
import { useBooks } from "./state.js";

const REFRESH_MS = 30_000;

function parts({ audit, seal, sealed, verified, gaps }) {
  const sums = !audit ? t("books.notAudited") : audit.compared ? t("books.sums.agree") : t("books.sums.waiting", { count: audit.behind });
  return [
    ["sealed", seal ? [html`<${Time} at=${sealed} />`, ` · ${t("books.seal", { number: number(seal.number) })}`] : t("books.notSealed")],
    ["sums", audit?.findings.some(({ kind }) => kind === "sums differ") ? t("books.sums.differ") : sums],
    ["gaps", audit ? (gaps ? number(gaps) : t("none")) : t("books.notAudited")],
    ["verified", verified ? html`<${Time} at=${verified.ended} />` : t("books.never")],
  ];
}

export const StateLine = {
  name: "StateLine",
  setup() {
    const { books, error, run } = useBooks();
    onMounted(run);
    useEvery(REFRESH_MS, run);
    return () => {
      if (!books.value) return error.value ? html`<${Failure} error=${error.value} retry=${run} />` : html`<div class="state-line quiet" aria-busy="true">${t("books.reading")}</div>`;
      const { faults } = books.value;
      return html`<div class="state-line" role="status">
        <${RouterLink} to="/verify" class=${["word", "verdict", faults ? "danger" : "good"]}><${Icon} name=${faults ? "alert" : "check"} />${faults ? t("books.faults", { count: faults }) : t("books.good")}</${RouterLink}>
        <dl>${parts(books.value).map(([name, value]) => html`<div key=${name}><dt>${t(`books.${name}`)}</dt><dd>${value}</dd></div>`)}</dl>
      </div>`;
    };
  },
};
