// What a page says when something went wrong: in words, with the id to quote and a way to try again.
import { t } from "../core/i18n.js";
import { html } from "../html.js";
import { Copy } from "./Copy.js";
import { Icon } from "./Icon.js";

const sentence = (text) => text.charAt(0).toUpperCase() + text.slice(1);

/** `error` is an ApiError, or anything that was thrown; nothing is shown for null and for what was called off. */
export const Failure = {
  name: "Failure",
  props: { error: { default: null }, retry: { type: Function, default: null } },
  setup: (props) => () => {
    const { error, retry } = props;
    if (!error || error.name === "AbortError" || error.kind === "signedout") return null;
    return html`<div class="notice danger" role="alert"><${Icon} name="alert" />
      <div>
        <p>${sentence(String(error.message ?? error))}</p>
        ${error.detail ? html`<p class="small">${sentence(error.detail)}</p>` : null}
        ${error.requestId ? html`<p class="request small">${t("error.request")}<code>${error.requestId}</code>
          <${Copy} text=${error.requestId} label=${t("error.copyId")} /></p>` : null}
      </div>
      ${retry ? html`<button type="button" class="button tiny" onClick=${retry}>${t("error.retry")}</button>` : null}
    </div>`;
  },
};

/** A calm line for what is well, or to be known: `kind` "good", "warning" or "info". */
export const Notice = {
  name: "Notice",
  props: { kind: { type: String, default: "info" } },
  setup: (props, { slots }) => () => html`<div class=${`notice ${props.kind}`} role="status">
    <${Icon} name=${{ good: "check", warning: "alert" }[props.kind] ?? "info"} /><div>${slots.default?.()}</div></div>`,
};
