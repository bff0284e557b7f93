// The small pieces of an explanation: sections, names that lead to where they come from.
import { RouterLink, useRoute } from "vue-router";
import { word } from "../core/i18n.js";
import { isAdmin } from "../core/session.js";
import { html } from "../html.js";
import { Icon } from "../parts/Icon.js";

export const section = (title, ...content) => html`<section><h3>${title}</h3>${content}</section>`;
export const mono = (text) => (text ? html`<span class="mono">${text}</span>` : null);

/** Another event, explained in the same drawer. */
export const EventLink = {
  name: "EventLink",
  props: { id: { type: String, required: true } },
  setup(props) {
    const route = useRoute();
    return () => html`<${RouterLink} class="mono" to=${{ query: { ...route.query, event: props.id } }}>${props.id}</${RouterLink}>`;
  },
};

/** Where admins find the owner of an account. */
const PLACES = { user: "/users", channel: "/channels" };

/** An account; `name` is shown in its place where it is known. */
export const AccountName = {
  name: "AccountName",
  props: { account: { type: String, required: true }, name: { type: String, default: "" } },
  setup: (props) => () => {
    const [kind, number] = props.account.split(":");
    const path = isAdmin.value && /^\d+$/.test(number ?? "") ? PLACES[kind] : null;
    const kindOf = props.name ? "" : "mono";
    const shown = props.name || props.account;
    return path
      ? html`<${RouterLink} class=${kindOf} title=${props.account} to=${{ path, query: { [kind]: number } }}>${shown}</${RouterLink}>`
      : html`<span class=${kindOf} title=${props.name ? props.account : null}>${shown}</span>`;
  },
};

/** How a request ended; whatever is not complete is marked. */
export const Outcome = {
  name: "Outcome",
  props: { outcome: { type: String, required: true } },
  setup: (props) => () => {
    const text = word("outcome", props.outcome);
    return props.outcome === "complete" ? html`<span>${text}</span>` : html`<span class="word warning"><${Icon} name="cut" />${text}</span>`;
  },
};
