// The channels: a table that can be worked in, a drawer for each, and the way to a new one.
import { computed, onBeforeUnmount, onMounted, ref, watch } from "vue";
import { onBeforeRouteLeave, onBeforeRouteUpdate, useRoute, useRouter } from "vue-router";
import { number, t } from "../../core/i18n.js";
import { useLoad } from "../../core/load.js";
import { useQuery } from "../../core/query.js";
import { call } from "../../core/session.js";
import { html } from "../../html.js";
import { confirm, say } from "../../parts/confirm.js";
import { DataTable } from "../../parts/DataTable.js";
import { Failure } from "../../parts/Failure.js";
import { Field } from "../../parts/Field.js";
import { Icon } from "../../parts/Icon.js";
import { Money } from "../../parts/Money.js";
import { Empty, Page } from "../../parts/Page.js";
import { allMenu, rowMenu, told } from "./channel_acts.js";
import { AddDrawer } from "./channel_add.js";
import { BulkBar, switchThem } from "./channel_bulk.js";
import { chargedOf, columnsOf } from "./channel_columns.js";
import { ChannelDrawer, TABS } from "./channel_drawer.js";
import { OFF, OFF_BY_ITSELF, ON, useChannels, useFiltered } from "./channel_list.js";
import { RoundLines, useRounds, useTests } from "./channel_rounds.js";

const FILTERS = { q: "", status: "", vendor: "", group: "", tag: "", model: "" };
const LAYER = { channel: undefined, tab: undefined, add: undefined };

/** What forms choose from: vendors by type, groups, names of models. */
function useLookups() {
  const { data, error, run } = useLoad(async (signal) => {
    const [types, groups, models] = await Promise.all([
      call.get("/api/channel/types", {}, { signal }), call.get("/api/group/", {}, { signal }), call.get("/api/channel/models", {}, { signal }),
    ]);
    return { vendors: new Map(types.data.map((vendor) => [vendor.type, vendor])), groups: groups.data, models: models.data.map((model) => model.id) };
  }, { vendors: new Map(), groups: [], models: [] });
  return { lookups: data, error, run };
}

/** Asks before a form with changes is left, however that is done. */
function useUnsaved(dirty) {
  const layerOf = ({ query }) => `${query.channel ?? ""} ${query.add ?? "-"}`;
  const ask = () => confirm({ title: t("channel.leave.title"), text: t("channel.leave.text"), go: t("channel.leave.go"), act: () => { dirty.value = false; } });
  onBeforeRouteUpdate((to, from) => !dirty.value || layerOf(to) === layerOf(from) || ask());
  onBeforeRouteLeave(() => !dirty.value || ask());
  const unloading = (event) => { if (dirty.value) event.preventDefault(); };
  window.addEventListener("beforeunload", unloading);
  onBeforeUnmount(() => window.removeEventListener("beforeunload", unloading));
}

/** The drawers are in the address: ?channel=7&tab=test, ?add= or ?add=14 (a type). */
function useLayers() {
  const route = useRoute();
  const router = useRouter();
  const dirty = ref(false);
  useUnsaved(dirty);
  const go = (query, how = "push") => router[how]({ query: { ...route.query, ...LAYER, ...query } });
  const tab = computed(() => (TABS.includes(route.query.tab) ? route.query.tab : TABS[0]));
  const channel = computed(() => Number(route.query.channel) || 0);
  return { route, dirty, go, tab, channel };
}

function filterBar({ filter, set, choices, vendors }) {
  const choice = (name, label, options) => html`<${Field} key=${name} class="narrow" label=${label}>${(given) => html`<select ...${given} name=${name} value=${filter[name]} onChange=${({ target }) => set({ [name]: target.value })}>
    <option value="">${t("channel.any")}</option>${options.map(([value, words]) => html`<option key=${value} value=${value}>${words}</option>`)}</select>`}</${Field}>`;
  const same = (names) => names.map((name) => [name, name]);
  return html`<div class="bar" role="search">
    <${Field} label=${t("channel.search")}>${(given) => html`<input ...${given} type="search" name="q" value=${filter.q} onInput=${({ target }) => set({ q: target.value })} />`}</${Field}>
    ${choice("status", t("column.status"), [ON, OFF, OFF_BY_ITSELF].map((status) => [String(status), t(`channel.status.${status}`)]))}
    ${choice("vendor", t("channel.vendor"), choices.vendors.map((type) => [String(type), vendors.get(type)?.name ?? String(type)]))}
    ${choice("group", t("column.group"), same(choices.groups))}
    ${choices.tags.length || filter.tag ? choice("tag", t("channel.f.tag"), same(choices.tags)) : null}
    ${choice("model", t("column.model"), same(choices.models))}</div>`;
}

function totalsOf(shown, use) {
  const sum = shown.reduce((total, row) => total + (use.month.has(row.id) ? chargedOf(use.month.get(row.id)) : 0n), 0n);
  const hour = shown.reduce((total, row) => total + (use.hour.get(row.id)?.requests ?? 0), 0);
  return [{ label: t("channel.totals", { count: shown.length }), values: { hour: number(hour), spend: html`<${Money} nano=${sum} />` } }];
}

export default {
  name: "Channels",
  setup() {
    const { filter, set, clear, isNarrow } = useQuery(FILTERS);
    const { lookups, error: missing, run: loadLookups } = useLookups();
    const list = useChannels();
    const { rounds, begin } = useRounds(list.load);
    const { results, progress, test, testMany } = useTests(list.reread);
    const { route, dirty, go, tab, channel } = useLayers();
    const { shown, choices } = useFiltered(list.rows, filter, (type) => lookups.value.vendors.get(type)?.name ?? "");
    const selected = ref(new Set());
    const chosen = computed(() => shown.value.filter((row) => selected.value.has(String(row.id))));
    onMounted(() => { list.load(); loadLookups(); });
    watch(shown, (rows) => { const ids = new Set(rows.map((row) => String(row.id))); selected.value = new Set([...selected.value].filter((id) => ids.has(id))); });

    async function change(row, fields, { undo = true } = {}) {
      const before = Object.fromEntries(Object.keys(fields).map((name) => [name, row[name]]));
      list.patch((await call.put("/api/channel/", { id: row.id, ...fields })).data);
      const back = () => change(row, before, { undo: false }).catch((error) => say(error.message));
      if (undo) say(t("channel.cell.saved", { name: row.name }), { undo: back });
    }
    const open = (id) => go({ channel: String(id) });
    const page = { load: list.load, reread: list.reread, test, open, get vendors() { return lookups.value.vendors; } };
    const columns = () => columnsOf({ use: list.use.value, reason: list.reason, vendors: lookups.value.vendors, results, change, acts: (row) => rowMenu(row, page) });
    const newChannel = () => go({ add: "" });
    async function testNew(ids) {
      if (ids.length === 1) return go({ channel: String(ids[0]), tab: "test" });
      await go({});
      const { of, failed } = await testMany(ids);
      say(t(failed ? "channel.tested.some" : "channel.tested.all", { count: of, failed }));
    }
    const rowOf = (id) => list.rows.value.find((row) => row.id === id) ?? null;
    function layers() {
      const setDirty = (value) => { dirty.value = value; };
      const close = () => go({}, "replace");
      const { vendors } = lookups.value;
      if (route.query.add !== undefined) {
        return html`<${AddDrawer} key="add" type=${Number(route.query.add) || null} vendors=${vendors} lookups=${lookups.value} onPick=${(type) => go({ add: type === null ? "" : String(type) })}
          onMade=${() => list.load()} onTest=${testNew} onClose=${close} onDirty=${setDirty} />`;
      }
      if (!channel.value) return null;
      const row = rowOf(channel.value);
      return html`<${ChannelDrawer} key=${channel.value} id=${channel.value} row=${row} tab=${tab.value} vendors=${vendors} lookups=${lookups.value} reason=${row && list.reason(row)}
        test=${test} reread=${list.reread} onSwitch=${(one) => told(() => switchThem([one], one.status === ON ? "disable" : "enable", list.load))()} onSaved=${list.patch} onDirty=${setDirty} onClose=${close} onTab=${(name) => go({ channel: String(channel.value), tab: name === TABS[0] ? undefined : name }, "replace")} />`;
    }
    const empty = () => (isNarrow.value
      ? html`<${Empty} title=${t("channel.nonesuch")}><button type="button" class="button" onClick=${clear}>${t("filter.clear")}</button></${Empty}>`
      : html`<${Empty} title=${t("channel.none")} text=${t("channel.none.text")}><button type="button" class="button primary" onClick=${newChannel}>${t("channel.add.title")}</button></${Empty}>`);
    return () => html`<${Page} title=${t("nav.channels")}>${{
      actions: () => html`${allMenu(list.rows.value, page, begin)}<button type="button" class="button primary" onClick=${newChannel}><${Icon} name="plus" />${t("channel.add.title")}</button>`,
      default: () => html`
        <${Failure} error=${missing.value} retry=${loadLookups} />
        ${list.rows.value.length ? filterBar({ filter: filter.value, set, choices: choices.value, vendors: lookups.value.vendors }) : null}
        <${RoundLines} rounds=${rounds.value} progress=${progress} />
        ${chosen.value.length ? html`<${BulkBar} rows=${chosen.value} groups=${lookups.value.groups} reload=${list.load} testMany=${testMany} onClear=${() => { selected.value = new Set(); }} />` : null}
        <div class="channel-table"><${DataTable} name="channels" caption=${t("nav.channels")} columns=${columns()} rows=${shown.value} rowKey=${(row) => String(row.id)} totals=${totalsOf(shown.value, list.use.value)}
          busy=${list.busy.value} error=${list.error.value} retry=${list.load} opens opened=${channel.value ? String(channel.value) : null} onOpen=${(row) => open(row.id)}
          selected=${selected.value} ...${{ "onUpdate:selected": (next) => { selected.value = next; } }}>${{ empty }}</${DataTable}></div>
        ${layers()}`,
    }}</${Page}>`;
  },
};
