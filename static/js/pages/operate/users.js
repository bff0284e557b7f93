// Users: who they are, what they have, what they spent in a stretch of time; one opens at the side.
import { computed, onBeforeUnmount, onMounted, ref, shallowRef, watch } from "vue";
import { useRoute, useRouter } from "vue-router";
import { t, word } from "../../core/i18n.js";
import { useLoad } from "../../core/load.js";
import { parseUsd } from "../../core/money.js";
import { useQuery } from "../../core/query.js";
import { call } from "../../core/session.js";
import { boundsOf } from "../../core/time.js";
import { html } from "../../html.js";
import { DataTable } from "../../parts/DataTable.js";
import { Field } from "../../parts/Field.js";
import { Icon } from "../../parts/Icon.js";
import { Empty, Page } from "../../parts/Page.js";
import { rangeDefaults, TimeRange } from "../../parts/TimeRange.js";
import { iso } from "./dashboard/report.js";
import { columns } from "./users/columns.js";
import { UserDrawer } from "./users/UserDrawer.js";
import { UserForm } from "./users/UserForm.js";
import { RANKS, roleText, STATUSES } from "./users/words.js";

const SIZE = 50;
const WAIT_MS = 300;
const ORDERS = ["quota", "used_quota", "request_count"];
const RANGES = ["today", "7d", "30d", "month"];

/** Pages of users that match a filter. */
function useUsers(filter) {
  const rows = shallowRef([]);
  const total = ref(0);
  let pages = 0;
  const { error, busy, run } = useLoad(async (signal, further) => {
    const { q, status, role, group, order } = filter.value;
    const params = { p: further ? pages : 0, page_size: SIZE, status, role, group, ...(q ? { keyword: q } : { order }) };
    const answer = await call.get(q ? "/api/user/search" : "/api/user/", params, { signal });
    if (signal.aborted) return;
    const known = new Set(further ? rows.value.map(({ id }) => id) : []);
    rows.value = further ? [...rows.value, ...answer.data.filter(({ id }) => !known.has(id))] : answer.data;
    pages = params.p + 1;
    total.value = answer.total;
  });
  const more = computed(() => pages > 0 && pages * SIZE < total.value);
  return { rows, total, error, busy, run, more };
}

/** What each user spent in the stretch: {spent, requests} by id. */
function useSpending(filter) {
  const spending = shallowRef(new Map());
  const { run } = useLoad(async (signal) => {
    const { from, to } = boundsOf(filter.value);
    const { data } = await call.get("/api/ledger/dashboard", { by: "user", from: iso(from), to: iso(to) }, { signal });
    spending.value = new Map(data.map((row) => [row.user, { spent: parseUsd(row.charged) - parseUsd(row.refunded), requests: row.requests }]));
  });
  return { spending, read: run };
}

export default {
  name: "Users",
  setup() {
    const route = useRoute();
    const router = useRouter();
    const { filter, set, clear, isNarrow } = useQuery({ ...rangeDefaults("30d"), q: "", status: "", role: "", group: "", order: "" });
    const users = useUsers(filter);
    const { spending, read } = useSpending(filter);
    const groups = shallowRef([]);
    const making = ref(false);
    let timer = 0;
    const asked = computed(() => JSON.stringify([filter.value.q, filter.value.status, filter.value.role, filter.value.group, filter.value.order]));
    const stretch = computed(() => JSON.stringify([filter.value.range, filter.value.from, filter.value.to]));
    const all = () => { users.run(false); read(); };
    onMounted(() => { all(); call.get("/api/group").then(({ data }) => { groups.value = data; }, () => null); });
    watch(asked, () => users.run(false));
    watch(stretch, () => read());
    onBeforeUnmount(() => clearTimeout(timer));
    const open = (row) => router.push({ query: { ...route.query, user: row.id } });
    const close = () => router.replace({ query: { ...route.query, user: undefined } });
    const type = (text) => { clearTimeout(timer); timer = setTimeout(() => set({ q: text.trim() }), WAIT_MS); };
    const choice = (name, values, label, text, disabled = false) => html`<${Field} class="narrow" label=${label}>${(given) => html`<select ...${given} name=${name} disabled=${disabled} value=${filter.value[name]} onChange=${({ target }) => set({ [name]: target.value })}>
      <option value="">${t(name === "order" ? "users.order.new" : "users.any")}</option>${values.map((value) => html`<option key=${value} value=${value}>${text(value)}</option>`)}</select>`}</${Field}>`;
    const bar = () => html`<div class="bar" role="search">
      <${Field} label=${t("users.find")}>${(given) => html`<input ...${given} name="q" type="search" placeholder=${t("users.find.hint")} value=${filter.value.q} autocomplete="off" spellcheck="false" onInput=${({ target }) => type(target.value)} />`}</${Field}>
      ${choice("status", STATUSES, t("column.status"), (value) => word("users.status", value))}
      ${choice("role", RANKS, t("users.role"), roleText)}
      ${choice("group", groups.value, t("column.group"), String)}
      ${choice("order", ORDERS, t("users.order"), (value) => t(`users.order.${value}`), Boolean(filter.value.q))}
      <div class="end"><${TimeRange} filter=${filter.value} set=${set} ranges=${RANGES} /></div></div>`;
    const nobody = () => html`<${Empty} title=${t(isNarrow.value ? "users.none.found" : "users.none")}>
      ${isNarrow.value ? html`<button type="button" class="button" onClick=${clear}>${t("filter.clear")}</button>` : null}</${Empty}>`;
    const spent = (row) => spending.value.get(row.id);
    return () => html`<${Page} title=${t("nav.users")}>${{
      actions: () => html`<button type="button" class="button primary" id="new-user" onClick=${() => { making.value = true; }}><${Icon} name="plus" />${t("users.new")}</button>`,
      default: () => html`${bar()}
        <${DataTable} name="users" caption=${t("nav.users")} columns=${columns(spent)} rows=${users.rows.value} rowKey=${(row) => String(row.id)} busy=${users.busy.value}
          error=${users.error.value} retry=${() => users.run(false)} more=${users.more.value} onMore=${() => users.run(true)} opens opened=${route.query.user ?? null} onOpen=${open}>${{ empty: nobody }}</${DataTable}>
        ${users.rows.value.length ? html`<p class="small quiet">${t("users.count", { count: users.total.value })}</p>` : null}
        ${making.value ? html`<${UserForm} key="new" onClose=${() => { making.value = false; }} onChanged=${all} />` : null}
        ${route.query.user ? html`<${UserDrawer} key="user" id=${String(route.query.user)} onClose=${close} onChanged=${all} />` : null}`,
    }}</${Page}>`;
  },
};
