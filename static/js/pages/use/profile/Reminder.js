// Below which balance one is written to: as the operator set it, an amount of one's own, or never.
import { computed, reactive, ref } from "vue";
import { RouterLink } from "vue-router";
import { t } from "../../../core/i18n.js";
import { useAction } from "../../../core/load.js";
import { exactUsd, parseUsd } from "../../../core/money.js";
import { call, NANO_PER_QUOTA, nanoOfQuota, resume, session } from "../../../core/session.js";
import { bind, html } from "../../../html.js";
import { say } from "../../../parts/confirm.js";
import { Failure } from "../../../parts/Failure.js";
import { Field, Segments } from "../../../parts/Field.js";
import { Money } from "../../../parts/Money.js";
import { Section } from "./Section.js";

const AS_ALL = -1;
const NEVER = 0;
const WAYS = ["all", "own", "never"];
const wayOf = (quota) => ({ [AS_ALL]: "all", [NEVER]: "never" })[quota] ?? "own";

/** A positive amount in USD as quota, cut to whole ones; null where the text is none. */
function quotaOf(text) {
  try {
    const quota = parseUsd(text) / NANO_PER_QUOTA;
    return quota > 0n ? Number(quota) : null;
  } catch (error) {
    if (error instanceof RangeError) return null;
    throw error;
  }
}

export const Reminder = {
  name: "Reminder",
  setup() {
    const mine = session.user.remind_quota ?? AS_ALL;
    const form = reactive({ way: wayOf(mine), amount: mine > 0 ? exactUsd(nanoOfQuota(mine)) : "" });
    const wrong = ref("");
    const wanted = computed(() => ({ all: AS_ALL, never: NEVER })[form.way] ?? quotaOf(form.amount));
    const { busy, error, act } = useAction(async () => {
      await call.put("/api/user/self", { remind_quota: wanted.value });
      await resume();
      say(t("saved"));
    });
    function submit(event) {
      event.preventDefault();
      wrong.value = wanted.value === null ? t("remind.wrong") : "";
      if (!wrong.value) act();
    }
    const amount = () => html`<${Field} label=${t("remind.amount")} error=${wrong.value}>${(given) => html`<input ...${given} name="remind" inputmode="decimal" ...${bind(form, "amount", { trim: true })} />`}</${Field}>`;
    const usual = (quota) => (quota ? html`<p>${t("remind.below")} <${Money} nano=${nanoOfQuota(quota)} /></p>` : html`<p>${t("remind.off")}</p>`);
    return () => {
      const { mail, quota_remind_threshold: threshold } = session.status;
      if (!mail) return null;
      const { email } = session.user;
      return html`<${Section} title=${t("remind")} text=${t("remind.text")}>
        <form class="stack" novalidate onSubmit=${submit}>
          <${Segments} label=${t("remind")} options=${WAYS.map((value) => ({ value, label: t(`remind.${value}`) }))} modelValue=${form.way} onUpdate:modelValue=${(way) => { form.way = way; }} />
          ${form.way === "own" ? html`<div class="fields">${amount()}</div>` : null}
          ${form.way === "all" ? usual(threshold) : null}
          <${Failure} error=${error.value} />
          <div class="row"><button type="submit" class="button" id="save-reminder" aria-disabled=${busy.value ? "true" : null}>${t("save")}</button></div>
        </form>
        <p class="small quiet">${email ? t("remind.to", { email }) : t("remind.nowhere")} <${RouterLink} to="/topup">${t("nav.topup")}</${RouterLink}></p>
      </${Section}>`;
    };
  },
};
