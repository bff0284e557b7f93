// Giving a charge back: whether it was, the proposal that waits, or (for admins) a way to do it.
import { onMounted, ref } from "vue";
import { RouterLink } from "vue-router";
import { t } from "../core/i18n.js";
import { useLoad } from "../core/load.js";
import { nanoOf } from "../core/money.js";
import { call } from "../core/session.js";
import { html } from "../html.js";
import { Failure } from "../parts/Failure.js";
import { Icon } from "../parts/Icon.js";
import { Money } from "../parts/Money.js";
import { Facts } from "../parts/Page.js";
import { Time } from "../parts/Time.js";
import { AccountName, EventLink } from "./links.js";
import { ReverseDialog } from "./ReverseDialog.js";

const MOST_PENDING = 100;

const account = (name) => (name ? html`<${AccountName} account=${name} />` : null);

const given = (reversal) => html`<p class="word warning"><${Icon} name="back" />${t("reversal.was")}</p>
  <${Facts} pairs=${[
    [t("reversal.amount"), html`<${Money} nano=${nanoOf(reversal)} full />`],
    [t("field.when"), html`<${Time} at=${reversal.at} />`],
    [t("reversal.by"), account(reversal.by)],
    [t("reversal.approver"), account(reversal.approver)],
    [t("field.reason"), reversal.reason],
    [t("field.id"), html`<${EventLink} id=${reversal.event} />`],
  ]} />`;

const pending = ({ proposer, proposed, reason }) => html`<p class="word warning"><${Icon} name="alert" />${t("reversal.pending")}</p>
  <${Facts} pairs=${[
    [t("reversal.proposer"), proposer ? html`<${AccountName} account=${proposer.account} name=${proposer.username ?? ""} />` : null],
    [t("reversal.proposed"), html`<${Time} at=${proposed} />`],
    [t("field.reason"), reason],
  ]} />
  <div><${RouterLink} to="/reversals">${t("reversal.toList")}</${RouterLink}></div>`;

export const Reversal = {
  name: "Reversal",
  props: { event: { type: Object, required: true } },
  emits: ["change"],
  setup(props, { emit }) {
    const reversal = () => props.event.explanation?.reversal;
    const asking = ref(false);
    const { data, error, busy, run } = useLoad(async (signal) => {
      const answer = await call.get("/api/ledger/reversals", { state: "proposed", page_size: MOST_PENDING }, { signal });
      return { proposal: answer.data.find((one) => one.event === props.event.id) ?? null };
    });
    onMounted(() => reversal() || run());
    const close = () => { asking.value = false; };
    const offer = () => html`<p class="quiet">${t("reverse.hint")}</p>
      <div><button type="button" class="button" id="reverse" onClick=${() => { asking.value = true; }}>${t("reverse.open")}</button></div>`;
    return () => html`<div class="stack">
      ${reversal() ? given(reversal()) : null}
      ${!reversal() && busy.value ? html`<p class="quiet" role="status">${t("reverse.looking")}</p>` : null}
      <${Failure} error=${error.value} retry=${() => run()} />
      ${!reversal() && data.value ? (data.value.proposal ? pending(data.value.proposal) : offer()) : null}
      ${asking.value ? html`<${ReverseDialog} event=${props.event} onClose=${close} onDone=${() => emit("change")} />` : null}
    </div>`;
  },
};
