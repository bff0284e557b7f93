// How programs are given a key: ready texts for the usual ones, links and fields for apps.
import { computed, ref } from "vue";
import { t } from "../../../core/i18n.js";
import { address, session } from "../../../core/session.js";
import { claudeCode, codex, curl, fullKey, likelyModel, python } from "../../../core/snippets.js";
import { html } from "../../../html.js";
import { Copy } from "../../../parts/Copy.js";
import { Field, Segments } from "../../../parts/Field.js";
import { Icon } from "../../../parts/Icon.js";
import { Facts } from "../../../parts/Page.js";
import { Secret, Snippet } from "../../../parts/Snippet.js";
import { APPS } from "./apps.js";

const WAYS = { curl, python, claude: claudeCode, codex };

/** The address with the key in it is made when it is asked for: it stands in no link that one could see in passing. */
function openApp(app, key) {
  const url = app.open({ key, address: address(), chat: session.status.chat_link });
  if (url.startsWith("http")) window.open(url, "_blank", "noopener,noreferrer");
  else location.assign(url);
}

const appLine = (key) => (app) => html`<li key=${app.name}><button type="button" class="button" onClick=${() => openApp(app, key)}><${Icon} name="link" />${app.name}</button></li>`;

export const UseKey = {
  name: "UseKey",
  props: { of: { type: Object, required: true } },
  setup(props) {
    const way = ref("curl");
    const models = computed(() => (props.of.models ? props.of.models.split(",") : session.models));
    const model = ref(likelyModel(models.value));
    const key = () => fullKey(props.of.key);
    const options = () => [...Object.keys(WAYS), "apps"].map((value) => ({ value, label: t(`use.${value}`) }));
    const copied = (shown, text) => html`<span class="row">${shown}<${Copy} text=${text} /></span>`;
    const plain = (text) => copied(html`<span class="mono">${text}</span>`, text);
    const apps = () => html`
      <ul class="apps">${APPS.map(appLine(key()))}</ul>
      <p class="small quiet">${t("use.apps.hint")}</p>
      <${Facts} pairs=${[
        [t("use.key"), copied(html`<${Secret} text=${key()} />`, key())],
        [t("use.base"), plain(`${address()}/v1`)],
        [t("use.root"), plain(address())],
        [t("use.chat"), plain(`${address()}/v1/chat/completions`)],
        [t("column.model"), plain(model.value)],
      ]} />
      <p class="small quiet">${t("use.fields.hint")}</p>`;
    const chooser = () => html`<${Field} label=${t("column.model")}>${(given) => html`<select class="input" ...${given} name="usemodel" value=${model.value} onChange=${({ target }) => { model.value = target.value; }}>
      ${models.value.map((name) => html`<option key=${name} value=${name} selected=${name === model.value}>${name}</option>`)}</select>`}</${Field}>`;
    return () => html`<div class="stack use-key">
      <div><${Segments} label=${t("use.title")} options=${options()} modelValue=${way.value} onUpdate:modelValue=${(value) => { way.value = value; }} /></div>
      ${models.value.length > 1 ? chooser() : null}
      ${way.value === "apps" ? apps() : html`<${Snippet} key=${way.value} code=${WAYS[way.value]({ key: key(), model: model.value })} secret=${key()} />
        <p class="small quiet">${t("snippet.hint")}</p>`}</div>`;
  },
};
