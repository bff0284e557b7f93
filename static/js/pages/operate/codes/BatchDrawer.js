// A batch of codes: what it was made for, how far it is used, its texts as a file, and its end.
import { onMounted, reactive, ref, watch } from "vue";
import { useRoute, useRouter } from "vue-router";
import { link } from "../../../core/api.js";
import { number, percent, t, word } from "../../../core/i18n.js";
import { useLoad } from "../../../core/load.js";
import { call } from "../../../core/session.js";
import { bind, html } from "../../../html.js";
import { Ask } from "../../../parts/Ask.js";
import { say } from "../../../parts/confirm.js";
import { Drawer } from "../../../parts/Dialog.js";
import { Failure } from "../../../parts/Failure.js";
import { Field } from "../../../parts/Field.js";
import { Icon } from "../../../parts/Icon.js";
import { Money } from "../../../parts/Money.js";
import { Facts, Figures } from "../../../parts/Page.js";
import { Time } from "../../../parts/Time.js";
import { batchTotal } from "./columns.js";

/** Ends what is left of a batch; the reason is recorded. */
const EndBatch = {
  name: "EndBatch",
  props: { batch: { type: Object, required: true } },
  emits: ["close", "changed"],
  setup(props, { emit }) {
    const form = reactive({ reason: "" });
    const missing = ref(false);
    async function act() {
      missing.value = !form.reason.trim();
      if (missing.value) return false;
      const { data } = await call.post(`/api/redemption/batch/${props.batch.batch}/revoke`, { reason: form.reason.trim() });
      say(t("codes.end.done", { count: data.revoked }));
      emit("changed");
      return true;
    }
    return () => html`<${Ask} danger title=${t("codes.end.title", { name: props.batch.name })} go=${t("codes.end.go")} act=${act} onClose=${() => emit("close")}>
      <p>${t("codes.end.text", { count: props.batch.left })} <${Money} nano=${batchTotal(props.batch, props.batch.left)} /></p>
      <${Field} label=${t("users.reason")} error=${missing.value ? t("users.reason.wrong") : ""}>${(given) => html`<input ...${given} name="reason" maxlength="300" autofocus ...${bind(form, "reason")} />`}</${Field}>
    </${Ask}>`;
  },
};

const facts = (batch) => [
  [t("codes.value"), html`<${Money} amount=${batch.amount} />`],
  [t("column.created"), html`<${Time} at=${batch.created_time} />`],
  [t("codes.expires"), batch.expires_time ? html`<${Time} at=${batch.expires_time} />` : t("users.forever")],
  [t("codes.per_user"), batch.per_user ? number(batch.per_user) : t("users.unlimited")],
  [t("users.source"), word("users.source", batch.credit_source)],
  [t("codes.days"), batch.credit_valid_days ? number(batch.credit_valid_days) : t("users.forever")],
];

const figures = (batch) => ["used", "left", "ended"].map((name) => ({
  label: t(`codes.${name}`), value: number(batch[name]), note: html`<${Money} nano=${batchTotal(batch, batch[name])} />`, lesser: name !== "used",
}));

export const BatchDrawer = {
  name: "BatchDrawer",
  props: { id: { type: String, required: true } },
  emits: ["close", "changed"],
  setup(props, { emit }) {
    const route = useRoute();
    const router = useRouter();
    const ending = ref(false);
    const { data, error, run } = useLoad(async (signal) => (await call.get(`/api/redemption/batch/${props.id}`, {}, { signal })).data);
    onMounted(() => run());
    watch(() => props.id, () => run());
    const changed = () => { run(); emit("changed"); };
    const codes = () => router.push({ path: "/codes", query: { codes: props.id } });
    const issued = () => router.push({ query: { ...route.query, event: data.value.event } });
    const file = (format) => html`<a class="button" download href=${link("/api/redemption/export", { batch: props.id, format })}><${Icon} name="download" />${t(`codes.file.${format}`)}</a>`;
    const body = (batch) => html`
      <section><${Figures} items=${figures(batch)} />
        <div class="used-bar" role="img" aria-label=${t("codes.share", { share: percent(batch.used / batch.count) })}><i style=${{ width: `${(100 * batch.used) / batch.count}%` }} /></div></section>
      <div class="row wrap">
        <button type="button" class="button" onClick=${codes}><${Icon} name="codes" />${t("codes.show")}</button>
        ${batch.used + batch.left ? [file("txt"), file("csv")] : null}
        <button type="button" class="button" onClick=${issued}><${Icon} name="ledger" />${t("codes.event")}</button>
        ${batch.left ? html`<button type="button" class="button" data-act="end" onClick=${() => { ending.value = true; }}><${Icon} name="stop" />${t("codes.end")}</button>` : null}</div>
      <${Facts} pairs=${facts(batch)} />
      ${ending.value ? html`<${EndBatch} batch=${batch} onClose=${() => { ending.value = false; }} onChanged=${changed} />` : null}`;
    return () => html`<${Drawer} title=${data.value ? `${data.value.name} (#${props.id})` : t("codes.batch")} onClose=${() => emit("close")}>
      <${Failure} error=${error.value} retry=${() => run()} />
      ${data.value ? html`<div class="stack wide-stack">${body(data.value)}</div>` : error.value ? null : html`<p class="quiet" aria-busy="true">${t("table.loading")}</p>`}
    </${Drawer}>`;
  },
};
