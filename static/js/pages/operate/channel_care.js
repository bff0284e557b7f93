// What was last found of a channel: its test, what is left at the vendor, how its models differ from the upstream's.
import { onMounted, watch } from "vue";
import { RouterLink } from "vue-router";
import { has, percent, t } from "../../core/i18n.js";
import { useAction, useLoad } from "../../core/load.js";
import { call } from "../../core/session.js";
import { duration } from "../../core/time.js";
import { html } from "../../html.js";
import { say } from "../../parts/confirm.js";
import { Failure } from "../../parts/Failure.js";
import { Facts } from "../../parts/Page.js";
import { Time } from "../../parts/Time.js";
import { Difference } from "./channel_difference.js";

const verdict = (name) => (has(`channel.found.${name.replaceAll(" ", "-")}`) ? t(`channel.found.${name.replaceAll(" ", "-")}`) : name);
const amount = (one) => (one.error ? one.error : `${one.balance} ${one.currency ?? ""}`.trim());

/** `changed` is called after something of the channel may be another. */
export const CareRecord = {
  name: "CareRecord",
  props: { row: { type: Object, required: true }, vendor: { default: null }, changed: { type: Function, required: true } },
  setup(props) {
    const { data, error, busy, run } = useLoad(async (signal) => (await call.get(`/api/channel/${props.row.id}/care`, {}, { signal })).data);
    onMounted(() => run());
    watch(() => props.row.test_time, () => run());
    const after = async () => { await props.changed(); await run(); };
    const asking = useAction(async () => {
      try {
        await call.get(`/api/channel/update_balance/${props.row.id}`);
      } finally {
        await after();
      }
    });
    const comparing = useAction(async () => {
      try {
        await call.get(`/api/channel/${props.row.id}/upstream_models`);
      } finally {
        await run();
      }
    });
    const applying = useAction(async ({ add, remove }) => {
      await call.post(`/api/channel/${props.row.id}/upstream_models`, { add: add.join(","), remove: remove.join(",") });
      say(t("channel.diff.done", { add: add.length, remove: remove.length }));
      await after();
    });
    const head = (title, button) => html`<div class="spread"><h3>${title}</h3>${button}</div>`;
    const button = (label, action) => html`<button type="button" class="button tiny" aria-disabled=${action.busy.value ? "true" : null} onClick=${() => action.act()}>${label}</button>`;

    /** Why it may not be asked right now; only where there is something to say. */
    function now({ resting_s: rests, success_rate: rate }) {
      if (!rests && rate === null) return null;
      return html`<section><h3>${t("channel.care.now")}</h3><${Facts} pairs=${[
        [t("column.status"), rests ? html`${t("channel.rests", { time: duration(rests * 1000) })} <span class="quiet">${t("channel.rests.says")}</span>` : null],
        [t("channel.care.rate"), rate === null ? null : t("channel.care.rated", { share: percent(rate) })],
      ]} /></section>`;
    }
    function tested({ test }) {
      if (!test) return html`<p class="quiet">${t("channel.care.untested")}</p>`;
      return html`<${Facts} pairs=${[
        [t("column.time"), html`<${Time} at=${test.at_s} />`], [t("column.outcome"), verdict(test.verdict)], [t("column.model"), test.model],
        [t("channel.f.test_kind"), has(`channel.kind.${test.kind}`) ? t(`channel.kind.${test.kind}`) : test.kind], [t("column.duration"), duration(test.milliseconds)],
        [t("channel.care.said"), test.message],
      ]} />`;
    }
    function left({ balance }) {
      if (!balance) return html`<p class="quiet">${t("channel.care.unasked")}</p>`;
      const keys = Object.entries(balance.keys ?? {});
      return html`<${Facts} pairs=${[
        [t("column.time"), html`<${Time} at=${balance.at_s} />`], [t("channel.left"), amount(balance)],
        ...(keys.length > 1 ? keys.map(([print, one]) => [t("channel.care.key", { print: print.slice(0, 8) }), amount(one)]) : []),
      ]} />`;
    }
    function models({ models: found }) {
      if (!found) return html`<p class="quiet">${t("channel.care.uncompared")}</p>`;
      if (found.error) return html`<${Facts} pairs=${[[t("column.time"), html`<${Time} at=${found.at_s} />`], [t("column.outcome"), found.error]]} />`;
      return html`<p class="small quiet">${t("channel.care.compared")} <${Time} at=${found.at_s} /></p>
        <${Difference} key=${found.at_s + found.new.length + found.gone.length} found=${found} go=${t("channel.diff.apply")} busy=${applying.busy.value} onApply=${applying.act} />`;
    }
    function prices({ unpriced }) {
      if (!unpriced.length) return html`<p class="quiet">${t("channel.care.priced")}</p>`;
      return html`<p class="warn">${t("channel.care.unpriced", { count: unpriced.length })}</p>
        <ul class="chips">${unpriced.map((name) => html`<li key=${name}><span title=${name}>${name}</span></li>`)}</ul>`;
    }
    return () => {
      const care = data.value ?? {};
      const { vendor } = props;
      return html`<div class="stack roomy" aria-busy=${busy.value && !data.value ? "true" : null}><${Failure} error=${error.value} retry=${() => run()} />
        ${now(props.row)}<section>${head(t("channel.lasttest"), null)}${data.value ? tested(care) : null}</section>
        <section>${head(t("channel.care.left"), vendor?.shows_balance ? button(t("channel.care.ask"), asking) : null)}
          ${vendor?.shows_balance ? left(care) : html`<p class="quiet">${t("channel.care.shows")}</p>`}<${Failure} error=${asking.error.value} /></section>
        <section>${head(t("channel.care.models"), vendor?.lists_models ? button(t("channel.models.compare"), comparing) : null)}
          ${vendor?.lists_models ? models(care) : html`<p class="quiet">${t("channel.care.lists")}</p>`}<${Failure} error=${comparing.error.value ?? applying.error.value} /></section>
        <section>${head(t("channel.care.prices"), html`<${RouterLink} to="/prices">${t("nav.prices")}</${RouterLink}>`)}${data.value ? prices(care) : null}</section></div>`;
    };
  },
};
