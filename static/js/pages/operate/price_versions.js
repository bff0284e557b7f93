// The versions of the book on a timeline: what is planned, what holds, what was.
import { useRoute, useRouter } from "vue-router";
import { t } from "../../core/i18n.js";
import { html } from "../../html.js";
import { Empty } from "../../parts/Page.js";
import { Time } from "../../parts/Time.js";

function what(one) {
  if (one.cancels) return t("prices.cancels", { number: one.cancels });
  const parts = ["set", "unset", "groups"].filter((name) => one[name]).map((name) => t(`prices.counts.${name}`, { count: one[name] }));
  return [one.restores ? t("prices.restores", { number: one.restores }) : "", ...parts].filter(Boolean).join(t("comma"));
}

export const who = (one) => one.username || (one.author === "system" ? t("prices.packaged") : one.author);

export const PriceVersions = {
  name: "PriceVersions",
  props: { book: { type: Object, required: true } },
  setup(props) {
    const route = useRoute();
    const router = useRouter();
    const open = (number) => router.resolve({ query: { ...route.query, version: number } }).href;
    const line = (one) => html`<li key=${one.version} data-version=${one.version} data-state=${one.state.replace(" ", "-")}>
      <p class="head"><a href=${open(one.version)}>${t("prices.version", { number: one.version })}</a> <span class="tag">${t(`prices.state.${one.state}`)}</span>
        <span class="quiet"><${Time} at=${one.effective} /></span></p>
      ${one.note ? html`<p>${one.note}</p>` : null}
      <p class="quiet small">${t("prices.by", { name: who(one) })} · ${what(one)}</p></li>`;
    return () => (props.book.versions.length
      ? html`<ol class="versions" aria-label=${t("prices.tab.versions")}>${[...props.book.versions].sort((one, other) => (one.effective < other.effective ? 1 : one.effective > other.effective ? -1 : other.version - one.version)).map(line)}</ol>`
      : html`<${Empty} title=${t("prices.noversions")} text=${t("prices.noversions.text")} />`);
  },
};
