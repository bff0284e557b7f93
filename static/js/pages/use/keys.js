// One's own keys: made, changed, switched, given to programs.
import { computed, onMounted, ref, shallowRef } from "vue";
import { useRoute, useRouter } from "vue-router";
import { t } from "../../core/i18n.js";
import { useAction, useLoad } from "../../core/load.js";
import { call, loadKeys, loadModels, session } from "../../core/session.js";
import { html } from "../../html.js";
import { confirm, say } from "../../parts/confirm.js";
import { DataTable } from "../../parts/DataTable.js";
import { Failure, Notice } from "../../parts/Failure.js";
import { FirstRequest } from "../../parts/FirstRequest.js";
import { Icon } from "../../parts/Icon.js";
import { Empty, Page } from "../../parts/Page.js";
import { columns } from "./keys/columns.js";
import { MadeKeys, RotateKey } from "./keys/dialogs.js";
import { KeyDrawer } from "./keys/KeyDrawer.js";
import { KeyForm } from "./keys/KeyForm.js";
import { ACTIVE, OFF } from "./keys/parts.js";

const switched = (id, on) => call.put("/api/token/?status_only=1", { id, status: on ? ACTIVE : OFF });

/** Does something to each chosen key, one after the other, and says how far it is. */
function useBulk(chosen, reload) {
  const done = ref(0);
  const { busy, error, act } = useAction(async (work) => {
    done.value = 0;
    try {
      for (const id of [...chosen.value]) {
        await work(Number(id));
        done.value += 1;
      }
      chosen.value = new Set();
    } finally {
      await reload();
    }
  });
  return { done, busy, error, act };
}

export default {
  name: "Keys",
  setup() {
    const route = useRoute();
    const router = useRouter();
    const { error, busy, run: reload } = useLoad(() => Promise.all([loadKeys(), session.models.length ? null : loadModels()]));
    onMounted(() => reload());
    const keys = computed(() => session.keys ?? []);
    const chosen = ref(new Set());
    const bulk = useBulk(chosen, reload);
    const made = shallowRef([]);
    const dialog = shallowRef(null); // {edit: key} or {rotate: key}
    const turning = ref(0);
    const go = (change) => router.replace({ query: { ...route.query, ...change } });
    const opened = computed(() => keys.value.find((key) => String(key.id) === route.query.key) ?? null);

    const switching = useAction(async (key, box) => {
      turning.value = key.id;
      try {
        await switched(key.id, box.checked);
        await reload();
      } finally {
        turning.value = 0;
        box.checked = keys.value.find((one) => one.id === key.id)?.status !== OFF;
      }
    });
    async function saved(rows) {
      const isNew = !dialog.value?.edit;
      made.value = isNew ? rows : [];
      await reload();
      if (isNew && rows.length === 1) go({ key: String(rows[0].id), new: undefined });
      else if (!isNew) say(t("saved"));
    }
    async function rotated(key) {
      await reload();
      made.value = [key];
      go({ key: String(key.id) });
      say(t("keys.rotate.done"));
    }
    async function remove(key) {
      const act = () => call.remove(`/api/token/${key.id}`);
      if (!(await confirm({ title: t("keys.delete.title", { name: key.name }), text: t("keys.delete.text"), go: t("delete"), act }))) return;
      go({ key: undefined });
      await reload();
    }
    async function removeChosen() {
      const count = chosen.value.size;
      const sure = await confirm({ title: t("keys.bulk.delete", { count }), text: t("keys.delete.text"), go: t("delete") });
      if (sure) bulk.act((id) => call.remove(`/api/token/${id}`));
    }

    const many = () => html`<div class="row wrap bulk" role="toolbar" aria-label=${t("keys.bulk.title")}>
      <span role="status">${bulk.busy.value ? t("keys.bulk.going", { done: bulk.done.value, count: chosen.value.size }) : t("keys.bulk.chosen", { count: chosen.value.size })}</span>
      <button type="button" class="button tiny" onClick=${() => bulk.act((id) => switched(id, true))}>${t("keys.bulk.on")}</button>
      <button type="button" class="button tiny" onClick=${() => bulk.act((id) => switched(id, false))}>${t("keys.bulk.off")}</button>
      <button type="button" class="button tiny" onClick=${removeChosen}>${t("delete")}</button></div>`;
    const table = () => html`<${DataTable} name="keys" caption=${t("keys.caption")} columns=${columns({ keys: keys.value, turn: switching.act, use: (key) => go({ key: String(key.id) }), turning: turning.value })}
      rows=${keys.value} rowKey=${(key) => String(key.id)} busy=${busy.value} error=${error.value} retry=${() => reload()} opens opened=${route.query.key ?? null}
      onOpen=${(key) => go({ key: String(key.id) })} selected=${chosen.value} onUpdate:selected=${(value) => { chosen.value = value; }}>${{
        empty: () => html`<${Empty} title=${t("keys.none")} text=${t("keys.none.next")}><button type="button" class="button primary" onClick=${() => go({ new: "1" })}>${t("keys.new")}</button></${Empty}>`,
        ...(chosen.value.size ? { tools: many } : {}),
      }}</${DataTable}>`;
    function unused() {
      const key = keys.value.find((one) => one.status === ACTIVE);
      if (!key || keys.value.some((one) => one.used_nano > 0)) return null;
      return html`<div class="next"><h2>${t("keys.first")}</h2><${FirstRequest} secret=${key.key} /></div>`;
    }
    const layers = () => html`
      ${opened.value ? html`<${KeyDrawer} key=${opened.value.id} of=${opened.value} made=${made.value.some(({ id }) => id === opened.value.id)} onClose=${() => { made.value = []; go({ key: undefined }); }}
        onEdit=${() => { dialog.value = { edit: opened.value }; }} onRotate=${() => { dialog.value = { rotate: opened.value }; }} onDelete=${() => remove(opened.value)} />` : null}
      ${route.query.new ? html`<${KeyForm} key="new" onSaved=${saved} onClose=${() => go({ new: undefined })} />` : null}
      ${dialog.value?.edit ? html`<${KeyForm} key="edit" of=${dialog.value.edit} onSaved=${saved} onClose=${() => { dialog.value = null; }} />` : null}
      ${dialog.value?.rotate ? html`<${RotateKey} of=${dialog.value.rotate} onDone=${rotated} onClose=${() => { dialog.value = null; }} />` : null}
      ${made.value.length > 1 && !route.query.new ? html`<${MadeKeys} keys=${made.value} onClose=${() => { made.value = []; }} />` : null}`;
    return () => html`<${Page} title=${t("nav.keys")}>${{
      actions: () => html`<button type="button" class="button primary" id="newkey" onClick=${() => go({ new: "1" })}><${Icon} name="plus" />${t("keys.new")}</button>`,
      lead: () => t("keys.lead"),
      default: () => html`
        <${Failure} error=${switching.error.value ?? bulk.error.value} />
        ${route.query.key && session.keys && !opened.value ? html`<${Notice} kind="warning">${t("keys.missing")}</${Notice}>` : null}
        ${table()}${unused()}${layers()}`,
    }}</${Page}>`;
  },
};
