// A time in the viewer's zone, with the UTC instant on the hover. `day` leaves the time of day to the hover; `utc` turns the two around.
import { t } from "../core/i18n.js";
import { clockText, dateOf, dayText, utcText } from "../core/time.js";
import { html } from "../html.js";

export const Time = {
  name: "Time",
  props: { at: { default: null }, day: Boolean, utc: Boolean },
  setup: (props) => () => {
    const date = dateOf(props.at);
    if (!date) return html`<span class="quiet">–</span>`;
    const local = `${dayText(date)} ${clockText(date)}`;
    const iso = date.toISOString();
    const title = props.utc ? t("time.local", { local }) : t("time.utc", { utc: utcText(props.at) });
    const shown = props.utc ? iso.slice(0, 19).replace("T", " ") : local;
    return html`<time datetime=${iso} title=${title}>${props.day ? shown.slice(0, 10) : shown}</time>`;
  },
};
