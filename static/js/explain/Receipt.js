// A receipt: one event, proved by itself, to keep; and how it is checked on any computer.
import { ref, shallowRef } from "vue";
import { RouterLink } from "vue-router";
import { saveAs } from "../core/files.js";
import { t } from "../core/i18n.js";
import { useAction } from "../core/load.js";
import { call, isAdmin, ledger } from "../core/session.js";
import { html } from "../html.js";
import { Copy } from "../parts/Copy.js";
import { Failure, Notice } from "../parts/Failure.js";
import { Icon } from "../parts/Icon.js";

const fileName = (id) => `receipt-${id.replace(/[^\w-]+/g, "-").slice(0, 100)}.json`;

export const Receipt = {
  name: "Receipt",
  props: { event: { type: Object, required: true } },
  setup(props) {
    const through = ref("");
    const got = shallowRef(null);
    const { busy, error, act } = useAction(async () => {
      const wanted = through.value.trim();
      const { data, text } = await call.get(`${ledger()}/events/${encodeURIComponent(props.event.id)}/receipt`, { through: wanted });
      // The text as it came: nothing is lost of numbers that are longer than this browser counts.
      saveAs(fileName(props.event.id), text, "application/json");
      const newest = data.later.at(-1) ?? data.seal;
      got.value = { digest: data.digest, number: String(data.seal.number), missed: wanted !== "" && Number(wanted) !== newest.number ? wanted : "" };
    });
    const result = () => got.value && html`<${Notice} kind="good"><p>${t("receipt.got", { number: got.value.number })}</p>
      <p class="row"><code class="digest">${got.value.digest}</code><${Copy} text=${got.value.digest} label=${t("receipt.copy")} /></p></${Notice}>
      ${got.value.missed ? html`<p class="notice warning" role="alert"><${Icon} name="alert" /><span>${t("receipt.missed", { number: got.value.missed })}</span></p>` : null}`;
    return () => html`<div class="receipt">
      <div class="row wrap"><button type="button" class="button" id="receipt" aria-disabled=${busy.value ? "true" : null} onClick=${() => act()}>${t("receipt.get")}</button>
        <label class="through small quiet">${t("receipt.through")}<input name="through" inputmode="numeric" pattern="[0-9]*" autocomplete="off"
          value=${through.value} onInput=${({ target }) => { through.value = target.value; }} /></label></div>
      <div aria-live="polite">${result()}<${Failure} error=${error.value} retry=${() => act()} /></div>
      <p class="small quiet">${t("receipt.check")} <code>tollgate ledger verify --receipt ${fileName(props.event.id)} --expect-seal DIGEST</code></p>
      ${isAdmin.value ? html`<p class="small"><${RouterLink} to="/verify">${t("receipt.verify")}</${RouterLink}></p>` : null}
    </div>`;
  },
};
