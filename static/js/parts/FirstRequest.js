// The first request, ready to paste: own key, this server, a model that answers.
import { t } from "../core/i18n.js";
import { curl, fullKey, likelyModel } from "../core/snippets.js";
import { html } from "../html.js";
import { Snippet } from "./Snippet.js";

/** `secret` is a key as the API tells it. */
export const FirstRequest = {
  name: "FirstRequest",
  props: { secret: { type: String, required: true } },
  setup: (props) => () => {
    const key = fullKey(props.secret);
    return html`<div class="stack"><${Snippet} code=${curl({ key, model: likelyModel() })} secret=${key} />
      <p class="small quiet">${t("snippet.hint")}</p></div>`;
  },
};
