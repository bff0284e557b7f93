// A receipt: one event, proved by itself, to keep.
import { computed, reactive, ref, watch } from "vue";
import { t } from "../../../core/i18n.js";
import { useAction } from "../../../core/load.js";
import { saveAs } from "../../../core/files.js";
import { call, ledger } from "../../../core/session.js";
import { bind, html } from "../../../html.js";
import { Copy } from "../../../parts/Copy.js";
import { Failure, Notice } from "../../../parts/Failure.js";
import { Field } from "../../../parts/Field.js";
import { Command } from "./Command.js";

const fileName = (id) => `receipt-${id.replace(/[^\w-]+/g, "-").slice(0, 100)}.json`;

/** `event` is the id of whose receipt it is; "" lets one be typed. */
export const Receipt = {
  name: "Receipt",
  props: { event: { type: String, default: "" } },
  setup(props) {
    const form = reactive({ event: props.event, through: "" });
    const got = ref(null);
    watch(() => props.event, (id) => { form.event = id; got.value = null; });
    const name = computed(() => fileName(form.event.trim() || "event"));
    const { busy, error, act } = useAction(async () => {
      got.value = null;
      const wanted = form.through.trim();
      const { data, text } = await call.get(`${ledger()}/events/${encodeURIComponent(form.event.trim())}/receipt`, { through: wanted });
      // The text as it came: nothing is lost of numbers that are longer than this browser counts.
      saveAs(name.value, text, "application/json");
      const last = (data.later.at(-1) ?? data.seal).number;
      got.value = { number: data.seal.number, digest: data.digest, missed: wanted !== "" && Number(wanted) !== last ? wanted : "" };
    });
    const submit = (event) => { event.preventDefault(); if (form.event.trim()) act(); };
    return () => html`<form class="stack receipt" novalidate onSubmit=${submit}>
      <div class="bar">
        ${props.event ? null : html`<${Field} label=${t("receipt.event")}>${(given) => html`<input ...${given} class="mono" name="event" placeholder="usage:…" autocomplete="off" spellcheck="false" ...${bind(form, "event")} />`}</${Field}>`}
        <${Field} label=${t("receipt.seals")}>${(given) => html`<input ...${given} name="through" inputmode="numeric" autocomplete="off" placeholder=${t("optional")} ...${bind(form, "through")} />`}</${Field}>
        <button type="submit" class="button" id="receipt" aria-disabled=${busy.value || !form.event.trim() ? "true" : null}>${t("receipt.get")}</button>
      </div>
      <${Failure} error=${error.value} />
      ${got.value ? html`<${Notice} kind="good"><p>${t("receipt.got", { number: String(got.value.number) })}</p>
        <p class="row"><code class="digest">${got.value.digest}</code><${Copy} text=${got.value.digest} label=${t("seals.copy", { number: String(got.value.number) })} /></p></${Notice}>` : null}
      ${got.value?.missed ? html`<${Notice} kind="warning">${t("receipt.missed", { number: got.value.missed })}</${Notice}>` : null}
      <p class="small quiet prose">${t("receipt.check")}</p>
      <${Command} line=${`tollgate ledger verify --receipt ${name.value} --expect-seal DIGEST`} />
    </form>`;
  },
};
