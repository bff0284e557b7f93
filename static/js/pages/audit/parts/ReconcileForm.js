// Which channel, which file, which of its columns is what, and how rows may meet.
import { ref } from "vue";
import { t } from "../../../core/i18n.js";
import { bind, html, model } from "../../../html.js";
import { Notice } from "../../../parts/Failure.js";
import { Field, Segments } from "../../../parts/Field.js";
import { Pick } from "../../../parts/Pick.js";
import { FIELDS, guess, readColumns } from "./export_file.js";

/** What keeps the form from being sent, as a key of words; "" for nothing. */
function missing({ channel, file, mapping }) {
  if (!channel) return "reconcile.needs.channel";
  if (!file) return "reconcile.needs.file";
  if (!mapping.request_id && !mapping.time) return "reconcile.needs.match";
  return Object.values(mapping).filter(Boolean).length < 2 ? "reconcile.needs.more" : "";
}

export const Form = {
  name: "ReconcileForm",
  props: { form: { type: Object, required: true }, channels: { type: Array, required: true }, busy: Boolean },
  emits: ["go"],
  setup(props, { emit }) {
    const columns = ref([]);
    const wrong = ref("");
    const { form } = props;
    async function choose({ target }) {
      const [file] = target.files;
      if (!file) return;
      form.file = file;
      columns.value = await readColumns(file);
      form.mapping = guess(columns.value);
      wrong.value = "";
    }
    function submit(event) {
      event.preventDefault();
      wrong.value = missing(form);
      if (!wrong.value && !props.busy) emit("go");
    }
    const column = (name) => html`<${Field} key=${name} label=${t(`reconcile.field.${name}`)}>${(given) => html`<select ...${given} name=${name} value=${form.mapping[name]} onChange=${({ target }) => { form.mapping[name] = target.value; }}>
      <option value="">${t("reconcile.notThere")}</option>${columns.value.map((each) => html`<option key=${each} value=${each} selected=${each === form.mapping[name]}>${each}</option>`)}</select>`}</${Field}>`;
    const channel = { get value() { return form.channel; }, set value(next) { form.channel = next; } };
    const match = { get value() { return form.match; }, set value(next) { form.match = next; } };
    return () => html`<form class="stack reconcile" novalidate onSubmit=${submit}>
      <div class="fields three">
        <div class="field"><span class="name">${t("column.channel")}</span><${Pick} label=${t("column.channel")} placeholder=${t("reconcile.channel")} options=${props.channels} ...${model(channel)} /></div>
        <${Field} label=${t("reconcile.file")} hint=${t("reconcile.file.hint")}>${(given) => html`<input ...${given} type="file" name="file" accept=".csv,.tsv,.txt,text/csv" onChange=${choose} />`}</${Field}>
      </div>
      ${columns.value.length ? html`<fieldset><legend>${t("reconcile.columns")}</legend><p class="small quiet">${t("reconcile.columns.hint")}</p><div class="fields three">${FIELDS.map(column)}</div></fieldset>
        <details><summary>${t("reconcile.more")}</summary><div class="bar">
          <label class="field date"><span class="name">${t("reconcile.from")}</span><input type="date" name="from" ...${bind(form, "from")} /></label>
          <label class="field date"><span class="name">${t("reconcile.to")}</span><input type="date" name="to" ...${bind(form, "to")} /></label>
          <${Segments} label=${t("reconcile.match")} options=${["id", "time"].map((value) => ({ value, label: t(`reconcile.match.${value}`) }))} ...${model(match)} />
          <${Field} label=${t("reconcile.bucket")}>${(given) => html`<input ...${given} name="bucket" inputmode="numeric" ...${bind(form, "bucket", { trim: true })} />`}</${Field}>
        </div><p class="small quiet prose">${t("reconcile.more.hint")}</p></details>` : null}
      ${wrong.value ? html`<${Notice} kind="warning">${t(wrong.value)}</${Notice}>` : null}
      <div class="row"><button type="submit" class="button primary" id="compare" aria-disabled=${props.busy ? "true" : null}>${t("reconcile.go")}</button></div>
    </form>`;
  },
};
