// How a channel stands, how long ago something was, and how much is left, in words.
import { language, number, t } from "../../core/i18n.js";
import { clockText, dateOf, dayText, duration } from "../../core/time.js";
import { html } from "../../html.js";
import { Icon } from "../../parts/Icon.js";
import { OFF, OFF_BY_ITSELF, ON } from "./channel_list.js";

const LOOKS = { [ON]: ["check", ""], [OFF]: ["minus", "quiet"], [OFF_BY_ITSELF]: ["alert", "danger"] };
const UNITS = [["day", 86_400], ["hour", 3_600], ["minute", 60]];

/** `reason` is {text} or null: why the gateway itself switched it off. `rests` are the seconds for which it is left alone. */
export const Status = {
  name: "Status",
  props: { status: { type: Number, required: true }, reason: { default: null }, rests: { type: Number, default: 0 } },
  setup: (props) => () => {
    if (props.status === ON && props.rests > 0) {
      return html`<span class="word warning" title=${t("channel.rests.says")}><${Icon} name="clock" />${t("channel.rests", { time: duration(props.rests * 1000) })}</span>`;
    }
    const [icon, look] = LOOKS[props.status] ?? ["info", "quiet"];
    return html`<span class=${["word", look]} title=${props.reason?.text ?? null}><${Icon} name=${icon} />${t(`channel.status.${props.status}`)}</span>`;
  },
};

/** "3 min ago", with the time itself on the hover; `at` in unix seconds. */
export const Ago = {
  name: "Ago",
  props: { at: { type: Number, default: 0 } },
  setup: (props) => () => {
    const date = dateOf(props.at);
    if (!date) return html`<span class="quiet">${t("channel.never")}</span>`;
    const passed = Math.max(0, Math.floor((Date.now() - date.getTime()) / 1000));
    const [unit, size] = UNITS.find(([, seconds]) => passed >= seconds) ?? ["second", 1];
    const words = new Intl.RelativeTimeFormat(language(), { style: "short", numeric: "auto" });
    const said = unit === "second" ? t("channel.justnow") : words.format(-Math.floor(passed / size), unit);
    return html`<time datetime=${date.toISOString()} title="${dayText(date)} ${clockText(date)}">${said}</time>`;
  },
};

/** What a vendor says is left: its own number in its own currency. It is not money of the books. */
export const balanceText = (row) => (row.balance_updated_time
  ? `${number(row.balance, { maximumFractionDigits: 2 })} ${row.balance_currency}`.trim() : "");
