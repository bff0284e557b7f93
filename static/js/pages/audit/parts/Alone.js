// Checking without this server: a bundle of the whole books, a receipt of one event, and the command lines.
import { t } from "../../../core/i18n.js";
import { html } from "../../../html.js";
import { say } from "../../../parts/confirm.js";
import { Icon } from "../../../parts/Icon.js";
import { Command } from "./Command.js";
import { Receipt } from "./Receipt.js";

const trust = (seal) => [seal?.public_key ? `--public-key ${seal.public_key}` : "", `--expect-seal ${seal?.digest ?? "DIGEST"}`].filter(Boolean).join(" ");

/** `newest` is the newest seal, or null; its digest is filled in, which is better replaced by one's own. */
export const Alone = {
  name: "Alone",
  props: { newest: { default: null } },
  setup: (props) => () => html`<section class="tall">
    <h2>${t("offline")}</h2>
    <p class="quiet prose">${t("offline.why")}</p>
    <ol class="steps">
      <li><p>${t("offline.bundle")}</p><a class="button" id="bundle" href="/api/ledger/bundle" download="" onClick=${() => say(t("offline.started"))}><${Icon} name="download" />${t("offline.download")}</a>
        <p class="small quiet prose">${t("offline.bundle.hint")}</p></li>
      <li><p>${t("offline.check")}</p><${Command} line=${`tollgate ledger verify --bundle books-N.tar ${trust(props.newest)}`} /></li>
      <li><p>${t("offline.database")}</p><${Command} line="tollgate ledger verify" /></li>
      <li><p>${t("offline.receipt")}</p><${Receipt} /></li>
    </ol>
  </section>`,
};
