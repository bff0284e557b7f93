// One user: what they have, what they used, their keys, where they are signed in, and what can be done for them.
import { onMounted, ref, shallowRef, watch } from "vue";
import { RouterLink } from "vue-router";
import { number, t } from "../../../core/i18n.js";
import { useAction, useLoad } from "../../../core/load.js";
import { parseUsd } from "../../../core/money.js";
import { call } from "../../../core/session.js";
import { html } from "../../../html.js";
import { Drawer } from "../../../parts/Dialog.js";
import { Failure, Notice } from "../../../parts/Failure.js";
import { Icon } from "../../../parts/Icon.js";
import { Menu } from "../../../parts/Menu.js";
import { Money } from "../../../parts/Money.js";
import { Facts } from "../../../parts/Page.js";
import { Time } from "../../../parts/Time.js";
import { actList, offered } from "./acts.js";
import { Adjust } from "./Adjust.js";
import { keysSection, latestSection, lotsSection, sessionsSection } from "./sections.js";
import { UserForm } from "./UserForm.js";
import { accountOf, mayChange, periodText, roleText, statusNode, userLink } from "./words.js";

const LATEST = 8;

/** Everything the drawer shows, asked for at once. */
async function look(id, signal) {
  const { data: user } = await call.get(`/api/user/${id}`, {}, { signal });
  const ask = (path, params) => call.get(path, params, { signal });
  const [balance, keys, sessions, latest] = await Promise.all([
    ask("/api/ledger/balance", { account: accountOf(user) }), ask(`/api/user/${id}/tokens`, { page_size: 100 }), ask(`/api/user/${id}/sessions`),
    ask("/api/ledger/events", { account: accountOf(user), order: "desc", limit: LATEST }),
  ]);
  return { user, balance: balance.data, keys: keys.data, sessions: sessions.data, factor: sessions.second_factor, latest: latest.data };
}

function links(user) {
  const to = (path, query, icon, words) => html`<${RouterLink} class="button" to=${{ path, query }}><${Icon} name=${icon} />${words}</${RouterLink}>`;
  return html`<div class="row wrap">
    ${to("/log", { user: user.username, range: "30d" }, "log", t("nav.log"))}
    ${to("/statement", { account: accountOf(user) }, "statement", t("nav.statement"))}
    ${to("/ledger", { account: accountOf(user), range: "all" }, "ledger", t("nav.ledger"))}</div>`;
}

const budgetText = (budget) => html`<span key=${budget.period}>${periodText(budget.period)}: <${Money} amount=${budget.spent_usd} /> / <${Money} amount=${budget.limit_usd} /></span>`;
const limitText = (user) => ["rpm", "tpm", "concurrency"].filter((name) => user[name]).map((name) => `${t(`users.${name}`)} ${number(user[name])}`).join(t("comma"));

const facts = ({ user, balance, factor }) => [
  [t("column.status"), statusNode(user.status)],
  [t("users.role"), roleText(user.role)],
  [t("column.group"), user.group],
  [t("users.display_name"), user.display_name],
  [t("users.email"), user.email],
  [t("users.allspent"), html`<${Money} nano=${parseUsd(balance.spent) - parseUsd(balance.refunded)} />`],
  [t("users.credited"), html`<${Money} amount=${balance.credited} />`],
  [t("dash.requests"), number(balance.requests)],
  [t("users.budgets"), user.budgets.length ? html`<span class="row wrap">${user.budgets.map(budgetText)}</span>` : null],
  [t("users.limits"), limitText(user)],
  [t("users.inviter"), userLink(user.inviter_id, user.inviter_username)],
  [t("users.factor.state"), t(factor ? "yes" : "no")],
  [t("column.created"), html`<${Time} at=${user.created_time} />`],
  [t("users.seen"), user.seen_time ? html`<${Time} at=${user.seen_time} />` : t("users.never")],
];

/** Emits "changed" when something about the user is another, "close" also when the user is gone. */
export const UserDrawer = {
  name: "UserDrawer",
  props: { id: { type: String, required: true } },
  emits: ["close", "changed"],
  setup(props, { emit }) {
    const asking = ref("");
    const news = shallowRef(null);
    const { data, error, run } = useLoad((signal) => look(props.id, signal));
    onMounted(() => run());
    watch(() => props.id, () => { news.value = null; run(); });
    const changed = () => { run(); emit("changed"); };
    const adjusted = (what) => { news.value = what; changed(); };
    const { busy, act: undo } = useAction(async () => {
      news.value = { text: await news.value.undo() };
      changed();
    });
    const told = () => (news.value ? html`<${Notice} kind="good"><div class="spread"><span>${news.value.text}</span>
      ${news.value.undo ? html`<button type="button" class="button tiny" data-act="undo" aria-disabled=${busy.value ? "true" : null} onClick=${undo}>${t("undo")}</button>` : null}</div></${Notice}>` : null);
    function done(name) {
      if (name !== "remove") return changed();
      emit("changed");
      emit("close");
    }
    const close = () => { asking.value = ""; };
    const dialogs = (user) => [
      ["credit", "take"].includes(asking.value) ? html`<${Adjust} key="adjust" user=${user} way=${asking.value} onClose=${close} onChanged=${adjusted} />` : null,
      asking.value === "edit" ? html`<${UserForm} key="edit" user=${user} onClose=${close} onChanged=${changed} />` : null,
    ];
    const button = (name, icon, kind = "") => html`<button type="button" class=${["button", kind]} data-act=${name} onClick=${() => { asking.value = name; }}><${Icon} name=${icon} />${t(`users.${name}.open`)}</button>`;
    const tools = (all) => (mayChange(all.user) ? html`<div class="row wrap">${button("credit", "plus", "primary")}${button("take", "minus")}${button("edit", "edit")}
      ${offered(all.user, all).length ? html`<${Menu} label=${t("users.more")} icon="more">${(shut) => actList(all.user, all, shut, done)}</${Menu}>` : null}</div>` : null);
    const body = (all) => html`
      <section><p class="small quiet">${t("column.balance")}</p>
        <div class=${["lead-amount", { low: parseUsd(all.balance.balance) <= 0n }]}><${Money} amount=${all.balance.balance} down /></div>${told()}${tools(all)}</section>
      <${Facts} pairs=${facts(all)} />
      ${lotsSection(all.user.lots)}
      <section><h3>${t("users.theirs")}</h3>${links(all.user)}</section>
      ${latestSection(all.latest)}${keysSection(all.keys)}${sessionsSection(all.sessions)}
      ${dialogs(all.user)}`;
    return () => html`<${Drawer} title=${data.value?.user.username ?? t("column.user")} wide onClose=${() => emit("close")}>
      <${Failure} error=${error.value} retry=${() => run()} />
      ${data.value ? html`<div class="stack wide-stack">${body(data.value)}</div>` : error.value ? null : html`<p class="quiet" aria-busy="true">${t("table.loading")}</p>`}
    </${Drawer}>`;
  },
};
