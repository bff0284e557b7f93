// Asking models in the browser, with a key of one's own: answered and charged as for any program. Nothing is stored.
import { computed, nextTick, onMounted, reactive, ref, watch } from "vue";
import { RouterLink } from "vue-router";
import { t } from "../../core/i18n.js";
import { useLoad } from "../../core/load.js";
import { loadBalance, loadKeys } from "../../core/session.js";
import { fullKey, likelyModel } from "../../core/snippets.js";
import { html } from "../../html.js";
import { confirm } from "../../parts/confirm.js";
import { Failure } from "../../parts/Failure.js";
import { Icon } from "../../parts/Icon.js";
import { Money } from "../../parts/Money.js";
import { Empty, Page } from "../../parts/Page.js";
import { blank, bodyOf, faultsOf, Settings } from "./playground/Settings.js";
import { modelsOf } from "./playground/stream.js";
import { useTalk } from "./playground/talk.js";
import { Answer, isSend, Question } from "./playground/Turn.js";

const ACTIVE = 1;
/** Nearer to the end than this, the page follows an answer as it grows. */
const NEAR_PX = 240;

/** Keys that work, first those that may be used from anywhere, of these the one that was used last. */
async function readActive() {
  const free = (key) => Number(!key.subnet);
  return (await loadKeys()).filter((key) => key.status === ACTIVE).sort((one, other) => free(other) - free(one) || other.accessed_time - one.accessed_time);
}

/** The keys to choose from, and the chosen one's models. */
function useMeans(form) {
  const keys = useLoad(readActive, []);
  const secret = computed(() => {
    const key = keys.data.value.find((one) => String(one.id) === form.key);
    return key ? fullKey(key.key) : "";
  });
  const models = useLoad((signal) => modelsOf(secret.value, signal), []);
  async function readModels() {
    if (!secret.value) return;
    const found = await models.run();
    if (!found.includes(form.model)) form.model = found.length ? likelyModel(found) : "";
  }
  async function readKeys() {
    const found = await keys.run();
    if (!found.some((key) => String(key.id) === form.key)) form.key = found.length ? String(found[0].id) : "";
  }
  onMounted(readKeys);
  watch(secret, readModels);
  return { keys, models, secret, readKeys, readModels };
}

export default {
  name: "Playground",
  setup() {
    const form = reactive(blank());
    const means = useMeans(form);
    const talk = useTalk(() => ({ body: bodyOf(form), system: form.system, key: means.secret.value }));
    const draft = ref("");
    const field = ref(null);
    const missing = ref("");
    watch(talk.spent, () => loadBalance().catch(() => null));

    const last = computed(() => talk.turns.value.at(-1)?.text.length ?? 0);
    watch([last, () => talk.turns.value.length], async () => {
      const { scrollHeight } = document.documentElement;
      const isNear = scrollHeight - window.scrollY - window.innerHeight < NEAR_PX;
      await nextTick();
      if (isNear) window.scrollTo({ top: document.documentElement.scrollHeight });
    });

    /** Whether a request can be sent as things are; says what is missing. */
    function isReady() {
      missing.value = !means.secret.value ? "play.needs.key" : !form.model ? "play.needs.model" : Object.keys(faultsOf(form)).length ? "play.needs.settings" : "";
      return !missing.value && !talk.busy.value;
    }
    function send() {
      const text = draft.value.trim();
      if (!text || !isReady()) return field.value?.focus();
      draft.value = "";
      talk.send(text);
      return field.value?.focus();
    }
    const change = (id, text) => isReady() && talk.change(id, text);
    const again = (id) => isReady() && talk.again(id);
    function pressed(event) {
      if (isSend(event)) { event.preventDefault(); send(); }
      else if (event.key === "Escape" && talk.busy.value) talk.stop();
    }
    async function clear() {
      if (await confirm({ title: t("play.clear.title"), text: t("play.clear.text"), go: t("play.clear"), act: talk.clear })) field.value?.focus();
    }

    const turnNode = (turn) => (turn.role === "user"
      ? html`<${Question} key=${turn.id} turn=${turn} busy=${talk.busy.value} onChange=${(text) => change(turn.id, text)} />`
      : html`<${Answer} key=${turn.id} turn=${turn} busy=${talk.busy.value} onAgain=${() => again(turn.id)} />`);
    const total = () => html`<p class="small quiet" role="status">${talk.priced.value ? html`${t("play.spent", { count: talk.priced.value })} <${Money} nano=${talk.spent.value} />` : t("play.free")}
      ${talk.unpriced.value ? html` · <${RouterLink} to="/log">${t("play.unpriced", { count: talk.unpriced.value })}</${RouterLink}>` : null}</p>`;
    const composer = () => html`<form class="composer stack" onSubmit=${(event) => { event.preventDefault(); send(); }}>
      ${missing.value ? html`<p class="wrong" role="alert">${t(missing.value)}</p>` : null}
      <textarea ref=${field} name="message" rows="3" aria-label=${t("play.message")} placeholder=${t("play.placeholder")} value=${draft.value}
        onInput=${({ target }) => { draft.value = target.value; }} onKeydown=${pressed}></textarea>
      <div class="spread">${total()}<div class="row">
        ${talk.turns.value.length ? html`<button type="button" class="button bare" id="clear" onClick=${clear}>${t("play.clear")}</button>` : null}
        ${talk.busy.value ? html`<button type="button" class="button" id="stop" onClick=${talk.stop}><${Icon} name="stop" />${t("play.stop")}</button>`
          : html`<button type="submit" class="button primary" id="send">${t("play.send")}</button>`}</div></div></form>`;
    const noKey = () => html`<${Empty} title=${t("play.noKey")} text=${t("play.noKey.text")}><${RouterLink} class="button primary" to=${{ path: "/keys", query: { new: "1" } }}>${t("start.make")}</${RouterLink}></${Empty}>`;
    const body = () => html`<div class="playground">
      <details class="aside" open=${window.innerWidth > 720}><summary>${t("play.settings")}</summary>
        <${Settings} form=${form} keys=${means.keys.data.value} models=${means.models.data.value} error=${means.models.error.value} retry=${means.readModels} /></details>
      <div class="talk">
        ${talk.turns.value.length ? html`<div class="turns" role="log" aria-live="polite" aria-label=${t("play.talk")}>${talk.turns.value.map(turnNode)}</div>`
          : html`<p class="quiet begin">${t("play.begin")}</p>`}
        ${composer()}
      </div></div>`;
    return () => html`<${Page} title=${t("nav.playground")}>${{
      default: () => html`<${Failure} error=${means.keys.error.value} retry=${means.readKeys} />
        ${means.keys.busy.value && !means.keys.data.value.length ? html`<div aria-busy="true" />` : means.keys.error.value ? null : means.keys.data.value.length ? body() : noKey()}`,
    }}</${Page}>`;
  },
};
