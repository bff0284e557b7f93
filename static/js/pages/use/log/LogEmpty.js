// Nothing in the log: because of the filter, or because nothing was ever charged. Each says the next step.
import { onMounted } from "vue";
import { RouterLink } from "vue-router";
import { t } from "../../../core/i18n.js";
import { useLoad } from "../../../core/load.js";
import { loadKeys, loadModels, session } from "../../../core/session.js";
import { html } from "../../../html.js";
import { FirstRequest } from "../../../parts/FirstRequest.js";
import { Failure } from "../../../parts/Failure.js";
import { Empty } from "../../../parts/Page.js";
import { anyInLog, CHARGE } from "./feed.js";

const ACTIVE = 1;

/** What to say: `rows` are there (credit, but no charge yet) or not. Emits "widen". */
export const LogEmpty = {
  name: "LogEmpty",
  props: { rows: Boolean, narrow: Boolean },
  emits: ["widen"],
  setup(props, { emit }) {
    const { data, error, run } = useLoad(async () => {
      if (await anyInLog(props.rows ? CHARGE : 0)) return { kind: props.rows ? "" : "filtered" };
      const keys = session.keys ?? (await loadKeys());
      if (!session.models.length) await loadModels();
      return { kind: "first", key: keys.find((one) => one.status === ACTIVE) ?? null };
    });
    onMounted(() => run());
    const first = (key) => html`<div class="next"><h2>${t("log.none")}</h2><p class="quiet">${t(key ? "log.none.next" : "log.none.noKey")}</p>
      ${key ? html`<${FirstRequest} secret=${key.key} />` : html`<div><${RouterLink} class="button primary" to=${{ path: "/keys", query: { new: "1" } }}>${t("keys.new")}</${RouterLink}></div>`}</div>`;
    return () => {
      if (error.value) return html`<${Failure} error=${error.value} retry=${() => run()} />`;
      if (!data.value?.kind) return null;
      if (data.value.kind === "first") return first(data.value.key);
      return html`<${Empty} title=${t("log.filtered")} text=${t("log.filtered.next")}>
        <button type="button" class="button" onClick=${() => emit("widen")}>${t(props.narrow ? "filter.clear" : "log.showAll")}</button></${Empty}>`;
    };
  },
};
