// The balance at a time: as it was known then, or as it took effect by then.
import { reactive, ref, shallowRef } from "vue";
import { t } from "../../../core/i18n.js";
import { useAction } from "../../../core/load.js";
import { nanoOf } from "../../../core/money.js";
import { call, ledger } from "../../../core/session.js";
import { bind, html } from "../../../html.js";
import { Failure } from "../../../parts/Failure.js";
import { Money } from "../../../parts/Money.js";
import { Time } from "../../../parts/Time.js";

/** What the two questions are called by the server. */
const QUESTIONS = { recorded: "known_at", effective: "at" };

export const BalanceAt = {
  name: "BalanceAt",
  props: { account: { type: String, required: true } },
  setup(props) {
    const form = reactive({ at: "", counts: "recorded" });
    const wrong = ref("");
    const found = shallowRef(null);
    const { busy, error, act } = useAction(async () => {
      found.value = null;
      wrong.value = form.at ? "" : t("balanceAt.needs");
      if (wrong.value) return;
      const at = `${form.at.length === 16 ? `${form.at}:00` : form.at}Z`;
      const { data } = await call.get(`${ledger()}/balance`, { account: props.account, [QUESTIONS[form.counts]]: at });
      found.value = { at, nano: nanoOf(data, "balance") };
    });
    return () => html`<section class="tall"><h2>${t("balanceAt")}</h2>
      <form class="bar" novalidate onSubmit=${(event) => { event.preventDefault(); act(); }}>
        <label class="field moment"><span class="name">${t("balanceAt.time")}</span><input type="datetime-local" name="at" aria-invalid=${wrong.value ? "true" : null} ...${bind(form, "at")} /></label>
        <label class="field question"><span class="name">${t("balances.counts")}</span><select name="question" ...${bind(form, "counts", { event: "onChange" })}>
          ${Object.keys(QUESTIONS).map((name) => html`<option key=${name} value=${name}>${t(`balances.${name}`)}</option>`)}</select></label>
        <button type="submit" class="button" aria-disabled=${busy.value ? "true" : null}>${t("balanceAt.go")}</button>
        <div class="answer" aria-live="polite">${found.value ? html`<p class="found"><span class="amount"><${Money} nano=${found.value.nano} full /></span><span class="quiet"><${Time} at=${found.value.at} utc /> UTC</span></p>` : null}
          ${wrong.value ? html`<p class="wrong" role="alert">${wrong.value}</p>` : null}</div>
      </form><${Failure} error=${error.value} /></section>`;
  },
};
