// The table of keys: one column for each thing that is asked of a key.
import { t } from "../../../core/i18n.js";
import { nanoOf } from "../../../core/money.js";
import { fullKey } from "../../../core/snippets.js";
import { html } from "../../../html.js";
import { Copy } from "../../../parts/Copy.js";
import { Money } from "../../../parts/Money.js";
import { Secret } from "../../../parts/Snippet.js";
import { Time } from "../../../parts/Time.js";
import { budgets, expires, left, models, networks, OFF, rates, statusWord, used } from "./parts.js";

/** `turn(key, on)` switches a key, `use(key)` opens it; `keys` are the rows: what none has is hidden at first; `turning` is the id of the one that is being switched. */
export function columns({ keys, turn, use, turning }) {
  const none = (has) => !keys.some(has);
  const status = (key) => html`<label class="switch"><input type="checkbox" role="switch" aria-label=${t("keys.switch", { name: key.name })} checked=${key.status !== OFF} disabled=${turning === key.id}
    onChange=${({ target }) => turn(key, target)} />${statusWord(key)}</label>`;
  return [
    { id: "name", label: t("column.name"), class: "wide two", always: true, sort: (key) => key.name, cell: (key) => key.name },
    { id: "key", label: t("column.key"), class: "two", cell: (key) => html`<span class="row"><${Secret} text=${fullKey(key.key)} /><${Copy} text=${fullKey(key.key)} label=${t("keys.copy", { name: key.name })} /></span>` },
    { id: "status", label: t("column.status"), always: true, sort: (key) => key.status, cell: status },
    { id: "models", label: t("keys.models"), class: "clip", hidden: true, cell: models },
    { id: "networks", label: t("keys.networks"), class: "clip", hidden: true, cell: networks },
    { id: "rates", label: t("keys.rates"), class: "clip", hidden: true, cell: rates },
    { id: "budgets", label: t("keys.budgets"), class: "loose two", hidden: none((key) => key.budgets?.length), cell: budgets },
    { id: "group", label: t("column.group"), hidden: none((key) => key.group), sort: (key) => key.group, cell: (key) => key.group },
    { id: "created", label: t("column.created"), hidden: true, sort: (key) => key.created_time, cell: (key) => html`<${Time} at=${key.created_time} day />` },
    { id: "expires", label: t("keys.expires"), sort: (key) => key.expired_time, cell: expires },
    { id: "used", label: t("keys.used"), class: "two", sort: (key) => key.accessed_time, cell: used },
    { id: "left", label: t("keys.left"), number: true, sort: (key) => (key.unlimited_quota ? null : nanoOf(key, "remain")), cell: left },
    { id: "spent", label: t("keys.spent"), number: true, sort: (key) => nanoOf(key, "used"), cell: (key) => html`<${Money} nano=${nanoOf(key, "used")} />` },
    { id: "use", label: t("use.button"), class: "acts", always: true, silent: true, cell: (key) => html`<button type="button" class="button tiny" aria-label=${t("use.open", { name: key.name })} onClick=${() => use(key)}>${t("use.button")}</button>` },
  ];
}
