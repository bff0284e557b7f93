// The first steps of a new gateway. Each is done where it belongs; what is done is seen from what is there, so one can leave and come back.
import { onActivated, onMounted, ref, shallowRef } from "vue";
import { RouterLink, useRoute, useRouter } from "vue-router";
import { t } from "../../core/i18n.js";
import { useEvery, useLoad } from "../../core/load.js";
import { call, loadKeys, loadModels, session } from "../../core/session.js";
import { html } from "../../html.js";
import { Failure } from "../../parts/Failure.js";
import { FirstRequest } from "../../parts/FirstRequest.js";
import { Icon } from "../../parts/Icon.js";
import { Page } from "../../parts/Page.js";
import { AddressStep, PasswordStep } from "./setup/forms.js";
import { dismiss, doneOf, isSetUp, STEPS } from "./setup/steps.js";
import { UserForm } from "./users/UserForm.js";

const EVERY_MS = 4000;
const button = (to, words, kind = "button primary") => html`<${RouterLink} class=${kind} to=${to}>${words}</${RouterLink}>`;

/** The newest charge, whose explanation is the end of the way. */
async function newest() {
  const { data } = await call.get("/api/log/", { p: 0, page_size: 1, type: 2 });
  return data[0]?.event_id ?? null;
}

const channelStep = (state) => html`<p class="quiet">${state.channels ? t("setup.channel.there", { count: state.channels, models: state.models }) : t("setup.channel.text")}</p>
  <div class="row">${button({ path: "/channels", query: { add: "" } }, t("setup.channel.go"), state.channels ? "button" : "button primary")}</div>`;

const pricesStep = (state) => (state.unpriced.length
  ? html`<p>${t("setup.prices.missing", { count: state.unpriced.length })}</p><p class="mono loose">${state.unpriced.join(t("comma"))}</p><div class="row">${button("/prices", t("setup.prices.go"))}</div>`
  : html`<p class="quiet">${t(state.channels ? "setup.prices.there" : "setup.prices.first")}</p>${state.channels ? html`<div class="row">${button("/prices", t("setup.prices.look"), "button")}</div>` : null}`);

function useSteps() {
  const event = ref(null);
  const chosen = ref("");
  const { data: state, error, run } = useLoad(async (signal) => {
    const { data } = await call.get("/api/setup", {}, { signal });
    if (data.requested && !event.value) event.value = await newest().catch(() => null);
    return data;
  });
  onMounted(() => { run(); loadKeys().catch(() => null); loadModels().catch(() => null); });
  onActivated(() => run());
  useEvery(EVERY_MS, run);
  return { event, chosen, state, error, run };
}

export default {
  name: "Setup",
  setup() {
    const route = useRoute();
    const router = useRouter();
    const { event, chosen, state, error, run } = useSteps();
    const making = shallowRef(false);
    const current = () => chosen.value || STEPS.find(({ done }) => !done(state.value))?.name || "";
    const explain = () => router.push({ query: { ...route.query, event: event.value } });
    const bodies = {
      password: () => html`<p class="quiet">${t("setup.password.text")}</p><${PasswordStep} onChanged=${next} />`,
      address: () => html`<p class="quiet">${t("setup.address.text")}</p><${AddressStep} onChanged=${next} />`,
      channel: () => channelStep(state.value),
      prices: () => pricesStep(state.value),
      user: () => html`<p class="quiet">${t("setup.user.text")}</p><div class="row"><button type="button" class="button primary" onClick=${() => { making.value = true; }}>${t("users.new")}</button>${button("/keys", t("setup.user.keys"), "button")}</div>`,
      request: () => html`<p class="quiet">${t("setup.request.text")}</p>
        ${session.keys?.length ? html`<${FirstRequest} secret=${session.keys[0].key} />` : html`<div class="row">${button("/keys", t("setup.user.keys"))}</div>`}
        ${event.value ? html`<div class="row"><button type="button" class="button primary" onClick=${explain}>${t("setup.request.explain")}</button></div>` : html`<p class="small quiet" role="status">${t("setup.request.waits")}</p>`}`,
    };
    /** After a step the next one that is not done opens by itself. */
    async function next() {
      chosen.value = "";
      await run();
    }
    function step({ name, done }, at) {
      const [isDone, isOpen] = [done(state.value), current() === name];
      return html`<li key=${name} class=${["setup-step", { done: isDone, open: isOpen }]} data-step=${name} aria-current=${isOpen ? "step" : null}>
        <h2><button type="button" aria-expanded=${isOpen ? "true" : "false"} onClick=${() => { chosen.value = isOpen ? "none" : name; }}>
          <span class="setup-mark">${isDone ? html`<${Icon} name="check" />` : at + 1}</span><span>${t(`setup.${name}`)}</span><span class="small quiet">${t(isDone ? "setup.done" : "setup.todo")}</span></button></h2>
        ${isOpen ? html`<div class="stack setup-body">${bodies[name]()}</div>` : null}</li>`;
    }
    const end = () => { dismiss(); router.push("/dashboard"); };
    return () => html`<${Page} title=${t("nav.setup")}>${{
      lead: () => t("setup.lead"),
      default: () => html`<${Failure} error=${error.value} retry=${() => run()} />
        ${state.value ? html`<p role="status" class="setup-count">${isSetUp(state.value) ? t("setup.all") : t("setup.count", { done: doneOf(state.value), count: STEPS.length })}</p>
          <ol class="setup-steps narrow-page">${STEPS.map(step)}</ol>
          <div class="row">${isSetUp(state.value) ? button("/dashboard", t("setup.dashboard")) : html`<button type="button" class="button bare" onClick=${end}>${t("setup.leave")}</button>`}</div>` : html`<p class="quiet" aria-busy="true">${t("table.loading")}</p>`}
        ${making.value ? html`<${UserForm} key="new" onClose=${() => { making.value = false; }} onChanged=${next} />` : null}`,
    }}</${Page}>`;
  },
};
