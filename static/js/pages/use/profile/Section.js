// A part of the profile: what it is and what it does at the left, its controls at the right.
import { useId } from "vue";
import { html } from "../../../html.js";

export const Section = {
  name: "Section",
  props: { title: { type: String, required: true }, text: { type: String, default: "" } },
  setup(props, { slots }) {
    const id = useId();
    return () => html`<section class="setting" aria-labelledby=${id}>
      <div class="about"><h2 id=${id}>${props.title}</h2>${props.text ? html`<p class="small quiet">${props.text}</p>` : null}</div>
      <div class="controls">${slots.default()}</div>
    </section>`;
  },
};
