// Redeeming codes, one after another. What was credited goes out of the field; what was refused stays in it.
import { ref } from "vue";
import { RouterLink, useRoute } from "vue-router";
import { t } from "../../../core/i18n.js";
import { useAction } from "../../../core/load.js";
import { nanoOf } from "../../../core/money.js";
import { call, nanoOfQuota, session } from "../../../core/session.js";
import { html } from "../../../html.js";
import { Failure } from "../../../parts/Failure.js";
import { Field } from "../../../parts/Field.js";
import { Icon } from "../../../parts/Icon.js";
import { Money } from "../../../parts/Money.js";

const SLOW = 429;

export const codesOf = (text) => [...new Set(text.split(/[\s,;，；]+/).filter(Boolean))];

/** The credited value: the exact amount where the server sends one, else One API's quota. */
const credited = (answer) => nanoOf(answer) ?? nanoOfQuota(answer.data);

/** Whether an error says that this code is no good, and not that something else went wrong. */
const isRefusal = (error) => error.status >= 400 && error.status < 500 && error.status !== SLOW && error.status !== 401;

/** Where codes are sold, if the operator says so: One API's link, told who buys and in which transaction. */
export function shopLink() {
  const link = session.status.top_up_link;
  if (!link || !URL.canParse(link)) return "";
  const address = new URL(link);
  if (!["http:", "https:"].includes(address.protocol)) return "";
  const { username, id } = session.user;
  const told = { username, user_id: id, transaction_id: crypto.randomUUID?.() ?? String(Date.now()) };
  for (const [name, value] of Object.entries(told)) address.searchParams.append(name, String(value));
  return address.href;
}

export const Redeem = {
  name: "Redeem",
  emits: ["credited"],
  setup(_, { emit }) {
    const route = useRoute();
    const text = ref("");
    const missing = ref(false);
    const results = ref([]);
    const count = ref(0);
    const shop = shopLink();
    const field = ref(null);
    const { busy, error, act } = useAction(async () => {
      const codes = codesOf(text.value);
      missing.value = !codes.length;
      if (missing.value) return field.value?.focus();
      [results.value, count.value] = [[], codes.length];
      const left = [];
      try {
        for (const [at, code] of codes.entries()) {
          try {
            const answer = await call.post("/api/user/topup", { key: code });
            results.value = [...results.value, { code, nano: credited(answer), event: answer.event }];
          } catch (problem) {
            left.push(code);
            if (!isRefusal(problem)) {
              left.push(...codes.slice(at + 1));
              throw problem;
            }
            results.value = [...results.value, { code, reason: problem.message, requestId: problem.requestId }];
          }
        }
      } finally {
        text.value = left.join("\n");
        if (results.value.some(({ nano }) => nano !== undefined)) emit("credited");
      }
      return field.value?.focus();
    });
    function pressed(event) {
      if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
      event.preventDefault();
      act();
    }
    const outcome = (one) => (one.nano === undefined
      ? html`<span class="word danger"><${Icon} name="alert" /></span><span>${t("topup.refused", { reason: one.reason })} ${one.requestId ? html`<code class="small">${one.requestId}</code>` : null}</span>`
      : html`<span class="word"><${Icon} name="check" /></span><span>${t("topup.done")} ${one.event ? html`<${RouterLink} to=${{ query: { ...route.query, event: one.event } }}><${Money} nano=${one.nano} signed /></${RouterLink}>` : html`<${Money} nano=${one.nano} signed />`}</span>`);
    const sum = () => results.value.reduce((total, { nano }) => total + (nano ?? 0n), 0n);
    const list = () => html`<ul class="results" aria-label=${t("topup.results")}>${results.value.map((one) => html`<li key=${one.code} class=${{ refused: one.nano === undefined }}>
      <code>${one.code}</code><span class="outcome">${outcome(one)}</span></li>`)}</ul>
      ${results.value.filter(({ nano }) => nano !== undefined).length > 1 ? html`<p>${t("topup.sum")} <strong><${Money} nano=${sum()} signed /></strong></p>` : null}`;
    return () => html`<section class="redeem"><h2>${t("topup.redeem")}</h2>
      <form class="stack" onSubmit=${(event) => { event.preventDefault(); act(); }}>
        <${Field} label=${t("topup.codes")} hint=${t("topup.codes.hint")} error=${missing.value ? t("topup.needs") : ""}>${(given) => html`<textarea ...${given} ref=${field} class="mono" name="codes"
          rows=${Math.min(8, Math.max(2, text.value.split("\n").length))} autocomplete="off" autocapitalize="none" spellcheck="false" value=${text.value} onInput=${({ target }) => { text.value = target.value; missing.value = false; }} onKeydown=${pressed}></textarea>`}</${Field}>
        <div class="row"><button type="submit" class="button primary" id="redeem" aria-disabled=${busy.value ? "true" : null}>${t("topup.go")}</button>
          ${busy.value ? html`<span class="quiet" role="status">${t("topup.going", { done: results.value.length, count: count.value })}</span>` : null}
          ${shop ? html`<a id="shop" href=${shop} target="_blank" rel="noopener noreferrer">${t("topup.shop")}</a>` : null}</div>
        <div aria-live="polite" class="stack">${results.value.length ? list() : null}</div>
        <${Failure} error=${error.value} />
      </form></section>`;
  },
};
