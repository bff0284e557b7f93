// The one control for a stretch of time, the same on every page: today, 7 days, 30 days, this month, all, or from … to …; kept in the address.
import { t } from "../core/i18n.js";
import { RANGES } from "../core/time.js";
import { html } from "../html.js";
import { Segments } from "./Field.js";

/** What a page adds to its useQuery defaults; `range` is the one shown at first. */
export const rangeDefaults = (range = "7d") => ({ range, from: "", to: "", compare: "" });

/** `filter` and `set` are those of useQuery; `ranges` may leave some out; `comparable` offers the time before. */
export const TimeRange = {
  name: "TimeRange",
  props: { filter: { type: Object, required: true }, set: { type: Function, required: true }, ranges: { type: Array, default: () => RANGES }, comparable: Boolean },
  setup(props) {
    const choose = (range) => props.set(range === "custom" ? { range } : { range, from: "", to: "" });
    const day = (name) => html`<input type="date" class="day" aria-label=${t(`range.${name}`)} value=${props.filter[name]}
      onChange=${({ target }) => props.set({ [name]: target.value })} />`;
    return () => {
      const options = [...props.ranges, "custom"].map((value) => ({ value, label: t(`range.${value}`) }));
      return html`<div class="timerange">
        <${Segments} label=${t("range")} options=${options} modelValue=${props.filter.range} onUpdate:modelValue=${choose} />
        ${props.filter.range === "custom" ? html`<span class="days">${day("from")}<span aria-hidden="true">–</span>${day("to")}</span>` : null}
        ${props.comparable && props.filter.range !== "all" ? html`<label class="check"><input type="checkbox" checked=${props.filter.compare === "1"}
          onChange=${({ target }) => props.set({ compare: target.checked ? "1" : "" })} /><span>${t("range.compare")}</span></label>` : null}
      </div>`;
    };
  },
};
