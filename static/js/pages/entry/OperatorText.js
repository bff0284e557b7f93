// A text that the operator wrote: HTML that the server has made harmless, or a page of theirs in a frame; else what is in the slot.
import { onMounted } from "vue";
import * as api from "../../core/api.js";
import { useLoad } from "../../core/load.js";
import { html } from "../../html.js";
import { Failure } from "../../parts/Failure.js";

/** What the framed page may do: run, but as a stranger to us and to its own cookies' other uses here. */
const ALLOWED = "allow-scripts allow-same-origin allow-popups allow-forms";

/** `name` is the route that answers the text, `title` names it where it has no heading of its own. */
export const OperatorText = {
  name: "OperatorText",
  props: { name: { type: String, required: true }, title: { type: String, required: true } },
  setup(props, { slots }) {
    const { data, error, run } = useLoad((signal) => api.get(`/api/${props.name}`, {}, { signal }));
    onMounted(run);
    const framed = (url) => html`<div class="framed"><h1 class="visually-hidden">${props.title}</h1>
      <iframe src=${url} title=${props.title} sandbox=${ALLOWED} referrerpolicy="no-referrer" /></div>`;
    const written = (text) => html`<div class="page">${/<h1[\s>]/.test(text) ? null : html`<h1>${props.title}</h1>`}<div class="prose" innerHTML=${text} /></div>`;
    return () => {
      if (error.value) return html`<${Failure} error=${error.value} retry=${run} />`;
      if (!data.value) return html`<div class="page" aria-busy="true" />`;
      const { url, html: text } = data.value;
      if (url) return framed(url);
      return text?.trim() ? written(text) : slots.default();
    };
  },
};
