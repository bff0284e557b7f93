// The first steps of a new gateway: which there are, which are done, and the offer to take them.
import { RouterLink } from "vue-router";
import { t } from "../../../core/i18n.js";
import { recall, remember } from "../../../core/prefs.js";
import { html } from "../../../html.js";
import { Icon } from "../../../parts/Icon.js";

/** In their order, each with how it is seen to be done in the answer of GET /api/setup. */
export const STEPS = [
  { name: "password", done: (state) => state.password },
  { name: "address", done: (state) => state.address },
  { name: "channel", done: (state) => state.channels > 0 },
  { name: "prices", done: (state) => state.channels > 0 && state.unpriced.length === 0 },
  { name: "user", done: (state) => state.users > 0 },
  { name: "request", done: (state) => state.requested },
];

export const doneOf = (state) => STEPS.filter(({ done }) => done(state)).length;
export const isSetUp = (state) => doneOf(state) === STEPS.length;
export const isDismissed = () => Boolean(recall("setup", false));
export const dismiss = () => remember({ setup: true });

/** A line on the dashboard, until all is done or the operator wants it gone. */
export const SetupOffer = {
  name: "SetupOffer",
  props: { state: { type: Object, required: true } },
  emits: ["dismiss"],
  setup: (props, { emit }) => () => html`<div class="notice info offer" role="status"><${Icon} name="info" />
    <div>${t("setup.offer", { done: doneOf(props.state), count: STEPS.length })}</div>
    <${RouterLink} class="button tiny" to="/setup">${t("setup.go")}</${RouterLink}>
    <button type="button" class="button bare tiny" onClick=${() => { dismiss(); emit("dismiss"); }}>${t("setup.dismiss")}</button></div>`,
};
