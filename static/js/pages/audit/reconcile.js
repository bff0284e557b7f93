// Does the vendor's bill agree with us? Its export against the charges of one channel, row by row.
import { onMounted, reactive, ref, shallowRef } from "vue";
import { t } from "../../core/i18n.js";
import { useAction, useLoad } from "../../core/load.js";
import { saveAs } from "../../core/files.js";
import { call } from "../../core/session.js";
import { html } from "../../html.js";
import { Failure } from "../../parts/Failure.js";
import { Page } from "../../parts/Page.js";
import { Kinds, Result } from "./parts/ReconcileResult.js";
import { Form } from "./parts/ReconcileForm.js";
import { dayAfter, sizeText } from "./parts/export_file.js";

const PATH = "/api/ledger/reconcile";
const PAGE = 100;

async function everyChannel(signal) {
  const channels = [];
  for (let page = 0; ; page += 1) {
    const { data } = await call.get("/api/channel/", { p: page, page_size: PAGE }, { signal });
    const rows = data.items ?? data;
    channels.push(...rows.map(({ id, name }) => ({ value: String(id), label: `${name} (${id})` })));
    if (rows.length < PAGE) return channels;
  }
}

/** What is sent, with the file as it lies on this computer. */
function outgoing(form, extra = {}) {
  const sent = new FormData();
  const mapping = Object.fromEntries(Object.entries(form.mapping).filter(([, column]) => column));
  const fields = { channel: form.channel, map: JSON.stringify(mapping), match: form.match, bucket: form.bucket, from: form.from ? `${form.from}T00:00:00Z` : "", to: dayAfter(form.to), ...extra };
  for (const [name, value] of Object.entries(fields)) if (value !== "") sent.append(name, value);
  sent.append("file", form.file);
  return sent;
}

export default {
  name: "Reconcile",
  setup() {
    const form = reactive({ channel: "", file: null, mapping: {}, from: "", to: "", match: "id", bucket: "60" });
    const channels = useLoad(everyChannel, []);
    const result = shallowRef(null);
    const asked = ref(null);
    const compare = useAction(async () => {
      result.value = null;
      asked.value = { ...form, mapping: { ...form.mapping } };
      result.value = (await call.post(PATH, outgoing(form))).data;
    });
    const download = useAction(async (format, all) => {
      const { channel } = asked.value;
      saveAs(`reconciliation-${channel}.${format}`, await call.file(PATH, outgoing(asked.value, { format, all: all ? "true" : "" })));
    });
    onMounted(channels.run);
    return () => html`<${Page} title=${t("nav.reconcile")}>${{
      lead: () => t("reconcile.lead"),
      default: () => html`
        <${Failure} error=${channels.error.value} retry=${channels.run} />
        <${Form} form=${form} channels=${channels.data.value} busy=${compare.busy.value} onGo=${compare.act} />
        ${compare.busy.value ? html`<div class="progress" role="status" aria-live="polite"><progress aria-label=${t("reconcile.running")} />
          <span>${t("reconcile.running")} <span class="mono">${form.file?.name}</span> (${sizeText(form.file?.size ?? 0)})</span></div>` : null}
        <${Failure} error=${compare.error.value} retry=${compare.act} />
        ${result.value ? html`<${Result} result=${result.value} file=${asked.value.file.name} busy=${download.busy.value} onDownload=${download.act} />` : null}
        <${Failure} error=${download.error.value} />
        ${asked.value ? null : html`<${Kinds} />`}`,
    }}</${Page}>`;
  },
};
