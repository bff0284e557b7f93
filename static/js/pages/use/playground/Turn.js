// One turn of a conversation: a question that can be changed, or an answer with what it cost.
import { nextTick, ref } from "vue";
import { RouterLink, useRoute } from "vue-router";
import { t } from "../../../core/i18n.js";
import { shortUsd } from "../../../core/money.js";
import { duration } from "../../../core/time.js";
import { html } from "../../../html.js";
import { Copy } from "../../../parts/Copy.js";
import { Failure } from "../../../parts/Failure.js";
import { Icon } from "../../../parts/Icon.js";
import { Money } from "../../../parts/Money.js";
import { Words } from "./Words.js";

const action = (icon, label, act) => html`<button type="button" class="button bare icon-only tiny" aria-label=${label} title=${label} onClick=${act}><${Icon} name=${icon} /></button>`;

/** Enter sends, Shift and Enter break the line; while an input method composes, Enter is its own. */
export function isSend(event) {
  return event.key === "Enter" && !event.shiftKey && !event.isComposing;
}

export const Question = {
  name: "Question",
  props: { turn: { type: Object, required: true }, busy: Boolean },
  emits: ["change"],
  setup(props, { emit }) {
    const changed = ref(null);
    const field = ref(null);
    const begin = async () => { changed.value = props.turn.text; await nextTick(); field.value?.focus(); };
    const go = () => { if (changed.value.trim() && !props.busy) emit("change", changed.value); };
    function pressed(event) {
      if (event.key === "Escape") changed.value = null;
      else if (isSend(event)) { event.preventDefault(); go(); }
    }
    const editing = () => html`<form class="stack" onSubmit=${(event) => { event.preventDefault(); go(); }}>
      <textarea ref=${field} rows="3" aria-label=${t("play.change")} value=${changed.value} onInput=${({ target }) => { changed.value = target.value; }} onKeydown=${pressed}></textarea>
      <div class="row end"><button type="button" class="button tiny" onClick=${() => { changed.value = null; }}>${t("cancel")}</button>
        <button type="submit" class="button primary tiny">${t("play.changeGo")}</button></div></form>`;
    return () => html`<article class="turn question" aria-label=${t("play.you")}>
      <div class="turn-head"><h2>${t("play.you")}</h2>${changed.value === null && !props.busy ? action("edit", t("play.change"), begin) : null}</div>
      ${changed.value === null ? html`<${Words} text=${props.turn.text} />` : editing()}</article>`;
  },
};

/** What an answer took: tokens, times and, from the books, money. */
function facts(turn, place) {
  if (turn.state === "going") return html`<p class="small quiet"><span class="going">${t("play.going")}</span></p>`;
  const { usage } = turn;
  const said = [
    turn.state === "stopped" ? t(turn.event ? "play.stopped" : "play.stoppedEarly") : "", turn.finish === "length" ? t("play.cut") : "",
    usage ? t("play.tokens", { input: usage.prompt_tokens ?? 0, output: usage.completion_tokens ?? 0 }) : "",
    turn.firstMs === null ? "" : t("play.first", { time: duration(turn.firstMs) }), turn.totalMs === null ? "" : t("play.total", { time: duration(turn.totalMs) }),
  ].filter(Boolean);
  const cost = turn.cost === null ? (turn.pricing ? html`<span>${t("play.pricing")}</span>` : null)
    : html`<${RouterLink} class="cost" to=${place(turn.event)} aria-label=${t("play.explain", { amount: shortUsd(turn.cost) })}><${Money} nano=${turn.cost} /></${RouterLink}>`;
  return html`<p class="small quiet facts-line">${cost}${said.map((text) => html`<span key=${text}>${text}</span>`)}</p>`;
}

export const Answer = {
  name: "Answer",
  props: { turn: { type: Object, required: true }, busy: Boolean },
  emits: ["again"],
  setup(props, { emit }) {
    const route = useRoute();
    const place = (event) => ({ query: { ...route.query, event } });
    return () => {
      const { turn } = props;
      return html`<article class="turn answer" aria-label=${turn.model} aria-busy=${turn.state === "going"}>
        <div class="turn-head"><h2>${turn.model}</h2>${turn.text ? html`<${Copy} text=${() => turn.text} />` : null}
          ${props.busy ? null : action("refresh", t("play.again"), () => emit("again"))}</div>
        ${turn.thought ? html`<details><summary class="small quiet">${t("play.thought")}</summary><${Words} text=${turn.thought} /></details>` : null}
        ${turn.text ? html`<${Words} text=${turn.text} />` : null}
        <${Failure} error=${turn.error} />
        ${facts(turn, place)}</article>`;
    };
  },
};
