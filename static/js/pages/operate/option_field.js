// One option as a control of its kind, with what it does, One API's name for it, and what is wrong with what was typed.
import { has, t } from "../../core/i18n.js";
import { nanoOfQuota } from "../../core/session.js";
import { html } from "../../html.js";
import { Field } from "../../parts/Field.js";
import { Money } from "../../parts/Money.js";
import { OptionMap } from "./option_map.js";
import { OptionRich } from "./option_rich.js";
import { CHOICES } from "./option_table.js";

export const labelOf = (name) => (has(`option.${name}`) ? t(`option.${name}`) : name);
export const hintOf = (name) => (has(`option.${name}.hint`) ? t(`option.${name}.hint`) : "");

const WIDE = new Set(["rich", "json", "lines"]);
const whole = (text) => /^\d{1,18}$/.test(text);

function secret(form, name, given) {
  const isSet = form.data.value.secrets[name];
  const cleared = form.typed[name] === "";
  const input = (event) => (event.target.value ? form.type(name, event.target.value) : form.forget([name]));
  return html`<div class="row"><input ...${given} type="password" autocomplete="new-password" value=${form.typed[name] ?? ""} placeholder=${t(cleared ? "options.secret.cleared" : isSet ? "options.secret.set" : "options.secret.unset")} onInput=${input} />
    ${isSet ? html`<button type="button" class="button" aria-pressed=${cleared ? "true" : "false"} onClick=${() => (cleared ? form.forget([name]) : form.type(name, ""))}>${t(cleared ? "undo" : "options.secret.clear")}</button>` : null}</div>`;
}

const CONTROLS = {
  secret,
  json: (form, name, given) => html`<${OptionMap} id=${given.id} name=${name} modelValue=${form.valueOf(name)} onUpdate:modelValue=${(text) => form.type(name, text)} />`,
  rich: (form, name, given) => html`<${OptionRich} name=${name} given=${given} modelValue=${form.valueOf(name)} onUpdate:modelValue=${(text) => form.type(name, text)} />`,
  lines: (form, name, given) => html`<textarea ...${given} rows="6" value=${form.valueOf(name)} onInput=${({ target }) => form.type(name, target.value)}></textarea>`,
  choice: (form, name, given) => html`<select ...${given} value=${form.valueOf(name)} onChange=${({ target }) => form.type(name, target.value)}>${CHOICES[name].map((one) => html`<option key=${one} value=${one} selected=${one === form.valueOf(name)}>${t(`options.rule.${one}`)}</option>`)}</select>`,
  integer: (form, name, given) => html`<input ...${given} class="short" inputmode="numeric" autocomplete="off" value=${form.valueOf(name)} onInput=${({ target }) => form.type(name, target.value.trim())} />`,
  quota: (form, name, given) => html`<div class="row"><input ...${given} class="short" inputmode="numeric" autocomplete="off" value=${form.valueOf(name)} onInput=${({ target }) => form.type(name, target.value.trim())} />
    ${whole(form.valueOf(name)) ? html`<span class="quiet">= <${Money} nano=${nanoOfQuota(form.valueOf(name))} /></span>` : null}</div>`,
  text: (form, name, given) => html`<input ...${given} autocomplete="off" spellcheck="false" value=${form.valueOf(name)} onInput=${({ target }) => form.type(name, target.value)} />`,
};

/** The name in the API, and a mark where what is typed is not saved. */
const foot = (form, name) => html`<p class="option-name">${form.isChanged(name) ? html`<span class="tag draft">${t("options.unsaved")}</span> ` : null}<code>${name}</code></p>`;

function fixed(form, name) {
  return html`<div class="option" data-option=${name} key=${name}><p class="hint">${labelOf(name)}</p>
    <p><span class="mono">${form.valueOf(name)}</span></p><p class="hint">${hintOf(name) || form.data.value.fixed[name]}</p>${foot(form, name)}</div>`;
}

function toggle(form, name) {
  const change = ({ target }) => form.type(name, String(target.checked));
  return html`<div class="option" data-option=${name} key=${name}><label class="check"><input type="checkbox" name=${name} checked=${form.valueOf(name) === "true"} onChange=${change} />
    <span>${labelOf(name)}<span class="hint">${hintOf(name)}</span></span></label>
    ${form.wrong[name] ? html`<p class="wrong" role="alert">${form.wrong[name]}</p>` : null}${foot(form, name)}</div>`;
}

export function optionField(form, name) {
  if (form.data.value.fixed[name]) return fixed(form, name);
  const kind = form.kind(name);
  if (kind === "boolean") return toggle(form, name);
  const control = CONTROLS[kind];
  return html`<div class=${["option", { whole: WIDE.has(kind) }]} data-option=${name} key=${name}>
    <${Field} label=${labelOf(name)} hint=${hintOf(name)} error=${form.wrong[name] ?? ""}>${(given) => control(form, name, { ...given, name })}</${Field}>${foot(form, name)}</div>`;
}
