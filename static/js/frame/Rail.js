// The pages one may see, in groups; folds to icons and remembers it; a sheet on phones.
import { RouterLink, useRoute } from "vue-router";
import { t } from "../core/i18n.js";
import { role, ROLES } from "../core/session.js";
import { html } from "../html.js";
import { GROUPS, PAGES } from "../pages.js";
import { Icon } from "../parts/Icon.js";

export const Rail = {
  name: "Rail",
  props: { open: Boolean, folded: Boolean },
  emits: ["fold", "close"],
  setup(props, { emit }) {
    const route = useRoute();
    const mine = (group) => PAGES.filter((page) => page.group === group && ROLES[page.needs] <= role.value);
    const entry = (page) => html`<${RouterLink} key=${page.name} to=${page.path} class="entry" title=${props.folded ? t(`nav.${page.name}`) : null}
      aria-current=${route.name === page.name ? "page" : null}><${Icon} name=${page.icon ?? page.name} /><span>${t(`nav.${page.name}`)}</span></${RouterLink}>`;
    return () => html`
      ${props.open ? html`<div class="rail-veil" onClick=${() => emit("close")} />` : null}
      <nav class=${["rail", { open: props.open }]} aria-label=${t("nav.main")} onKeydown=${(event) => event.key === "Escape" && emit("close")}>
        ${GROUPS.map((group) => [group, mine(group)]).filter(([, pages]) => pages.length).map(([group, pages]) => html`<section key=${group}>
          <h2 class="group">${t(`nav.group.${group}`)}</h2>${pages.map(entry)}</section>`)}
        <button type="button" class="entry fold" onClick=${() => emit("fold")}><${Icon} name=${props.folded ? "right" : "left"} /><span>${t(props.folded ? "frame.unfold" : "frame.fold")}</span></button>
      </nav>`;
  },
};
