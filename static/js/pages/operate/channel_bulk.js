// The same done to several channels: what is chosen in the table, or all that are switched off.
import { reactive, ref } from "vue";
import { t } from "../../core/i18n.js";
import { useAction } from "../../core/load.js";
import { call } from "../../core/session.js";
import { bind, html, tick } from "../../html.js";
import { Ask } from "../../parts/Ask.js";
import { confirm, say } from "../../parts/confirm.js";
import { Failure } from "../../parts/Failure.js";
import { Field } from "../../parts/Field.js";
import { Pick } from "../../parts/Pick.js";
import { faultsOf } from "./channel_draft.js";
import { OFF, OFF_BY_ITSELF, ON } from "./channel_list.js";

const MOST = 1000;
const STATUS = { enable: ON, disable: OFF };
const BACK = { [ON]: "enable", [OFF]: "disable", [OFF_BY_ITSELF]: "disable" };

/** Says how it went: how many changed, and the first that could not be, with the reason. */
function tell({ changed, failed }) {
  const [first] = failed;
  say(first ? t("channel.bulk.failed", { count: changed, failed: failed.length, name: first.name, reason: first.message }) : t("channel.bulk.done", { count: changed }));
}

export async function bulk(ids, action, fields = {}) {
  const all = { changed: 0, failed: [] };
  for (let at = 0; at < ids.length; at += MOST) {
    const { data } = await call.post("/api/channel/bulk", { ids: ids.slice(at, at + MOST), action, ...fields });
    all.changed += data.changed;
    all.failed.push(...data.failed);
  }
  return all;
}

/** Switches on or off, and offers to take it back for those that were otherwise before. */
export async function switchThem(rows, action, reload) {
  const before = rows.filter((row) => row.status !== STATUS[action]);
  const { changed, failed } = await bulk(rows.map((row) => row.id), action);
  await reload();
  if (failed.length || !changed) return tell({ changed, failed });
  const undo = async () => {
    for (const status of [ON, OFF, OFF_BY_ITSELF]) {
      const ids = before.filter((row) => row.status === status).map((row) => row.id);
      if (ids.length) await bulk(ids, BACK[status]);
    }
    await reload();
  };
  say(t(`channel.bulk.${action}d`, { count: changed }), { undo });
}

export function deleteThem(rows, reload) {
  const names = rows.slice(0, 5).map((row) => row.name).join(t("comma")) + (rows.length > 5 ? " …" : "");
  return confirm({
    title: t("channel.delete.title", { count: rows.length }), text: t("channel.delete.text", { count: rows.length, names }),
    go: t("channel.delete.go", { count: rows.length }),
    act: async () => { tell(await bulk(rows.map((row) => row.id), "delete")); await reload(); },
  });
}

export function deleteDisabled(rows, reload) {
  return confirm({
    title: t("channel.deleteoff.title", { count: rows.length }),
    text: t("channel.delete.text", { count: rows.length, names: rows.slice(0, 5).map((row) => row.name).join(t("comma")) + (rows.length > 5 ? " …" : "") }),
    go: t("channel.delete.go", { count: rows.length }),
    act: async () => {
      const { data } = await call.remove("/api/channel/disabled");
      say(t("channel.deleted", { count: data }));
      await reload();
    },
  });
}

const names = (text) => text.split(/[,\n]/).map((name) => name.trim()).filter(Boolean);

function fieldsOf(form) {
  const fields = {};
  for (const name of ["priority", "weight"]) if (String(form[name]).trim()) fields[name] = Number(form[name]);
  if (form.untag) fields.set_tag = "";
  else if (form.tag.trim()) fields.set_tag = form.tag.trim();
  if (form.group.length) fields.group = form.group.join(",");
  for (const name of ["add_models", "remove_models"]) if (names(form[name]).length) fields[name] = names(form[name]).join(",");
  return fields;
}

/** What is left empty stays as it is on each channel. */
const BulkEdit = {
  name: "BulkEdit",
  props: { ids: { type: Array, required: true }, groups: { type: Array, required: true } },
  emits: ["close", "done"],
  setup(props, { emit }) {
    const form = reactive({ priority: "", weight: "", tag: "", untag: false, group: [], add_models: "", remove_models: "" });
    const faults = ref({});
    const ready = () => Object.keys(fieldsOf(form)).length > 0;
    async function act() {
      faults.value = {};
      try {
        tell(await bulk(props.ids, "edit", fieldsOf(form)));
        emit("done");
      } catch (error) {
        faults.value = faultsOf(error, { set_tag: "tag" }).faults;
        throw error;
      }
    }
    const text = (name, options = {}) => html`<${Field} label=${t(`channel.bulk.${name}`)} error=${faults.value[name] ?? ""}>${(given) => html`
      <input ...${given} placeholder=${t("channel.bulk.asis")} ...${options} ...${bind(form, name)} />`}</${Field}>`;
    return () => html`<${Ask} title=${t("channel.bulk.title", { count: props.ids.length })} go=${t("channel.bulk.go")} act=${act} ready=${ready()} wide onClose=${() => emit("close")}>
      <p class="quiet">${t("channel.bulk.lead")}</p>
      <div class="fields">${text("priority", { inputmode: "numeric" })}${text("weight", { inputmode: "numeric" })}
        <div class="stack tight">${text("tag", { disabled: form.untag })}<label class="check"><input ...${tick(form, "untag")} /><span>${t("channel.bulk.untag")}</span></label></div>
        <${Field} label=${t("channel.bulk.group")} error=${faults.value.group ?? ""}>${({ id }) => html`<${Pick} id=${id} several label=${t("channel.bulk.group")} options=${props.groups}
          placeholder=${t("channel.bulk.asis")} modelValue=${form.group} ...${{ "onUpdate:modelValue": (value) => { form.group = value; } }} />`}</${Field}>
        <div class="whole">${text("add_models")}</div><div class="whole">${text("remove_models")}</div></div>
    </${Ask}>`;
  },
};

/** Stands above the table while rows are chosen. */
export const BulkBar = {
  name: "BulkBar",
  props: { rows: { type: Array, required: true }, groups: { type: Array, required: true }, reload: { type: Function, required: true }, testMany: { type: Function, required: true } },
  emits: ["clear"],
  setup(props, { emit }) {
    const editing = ref(false);
    const { error, act } = useAction((work) => work());
    const reload = async () => { await props.reload(); };
    const onoff = (action) => act(() => switchThem(props.rows, action, reload));
    const test = () => act(async () => {
      const { of, failed } = await props.testMany(props.rows.map((row) => row.id));
      say(t(failed ? "channel.tested.some" : "channel.tested.all", { count: of, failed }));
    });
    const button = (name, go, kind = "") => html`<button type="button" class=${["button tiny", kind]} onClick=${go}>${t(`channel.bulk.${name}`)}</button>`;
    return () => html`<div class="bulk" role="group" aria-label=${t("channel.chosen", { count: props.rows.length })}>
      <strong>${t("channel.chosen", { count: props.rows.length })}</strong>
      ${button("enable", () => onoff("enable"))}${button("disable", () => onoff("disable"))}
      ${button("edit", () => { editing.value = true; })}${button("test", test)}${button("delete", () => deleteThem(props.rows, reload))}
      ${button("clear", () => emit("clear"), "bare")}
      <${Failure} error=${error.value} />
      ${editing.value ? html`<${BulkEdit} ids=${props.rows.map((row) => row.id)} groups=${props.groups} onDone=${reload} onClose=${() => { editing.value = false; }} />` : null}</div>`;
  },
};
