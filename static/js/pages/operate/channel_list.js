// The channels, whole: an operator has tens or hundreds of them, and sorting and searching are about all.
import { computed, shallowRef } from "vue";
import { useLoad } from "../../core/load.js";
import { call } from "../../core/session.js";

const PAGE = 100;
const HOUR_MS = 3_600_000;
const RECENT_EVENTS = 200;
export const ON = 1;
export const OFF = 2;
export const OFF_BY_ITSELF = 3;

export const namesOf = (text) => String(text ?? "").split(",").filter(Boolean);

async function everyChannel(signal) {
  const found = [];
  for (let page = 0; ; page += 1) {
    const { data, total } = await call.get("/api/channel/", { p: page, page_size: PAGE }, { signal });
    found.push(...data);
    if (data.length < PAGE || found.length >= total) return found;
  }
}

async function usedBy(params, signal) {
  const { data } = await call.get("/api/ledger/dashboard", { by: "channel", ...params }, { signal });
  return new Map(data.map((row) => [row.channel, row]));
}

/** Why the gateway switched channels off, by their ids, as far as the newest records tell. */
async function reasonsOf(rows, signal) {
  if (!rows.some((row) => row.status === OFF_BY_ITSELF)) return new Map();
  const { data } = await call.get("/api/ledger/events", { type: "audit.recorded", order: "desc", limit: RECENT_EVENTS }, { signal });
  const offs = data.filter(({ body }) => body.action === "channel.disable" && body.after?.reason).reverse();
  return new Map(offs.map(({ body, at }) => [body.object, { text: body.after.reason, at }]));
}

/** {rows, error, busy, load, patch, drop, use, reason}: `use` are what the books say of 30 days and of the last hour. */
export function useChannels() {
  const reasons = shallowRef(new Map());
  const { data: rows, error, busy, run } = useLoad(everyChannel, []);
  const { data: use, run: loadUse } = useLoad(async (signal) => {
    const from = new Date(Date.now() - HOUR_MS).toISOString();
    const [month, hour] = await Promise.all([usedBy({}, signal), usedBy({ from }, signal)]);
    return { month, hour };
  }, { month: new Map(), hour: new Map() });
  const { run: loadReasons } = useLoad(async (signal) => { reasons.value = await reasonsOf(rows.value, signal); });
  const load = async () => {
    loadUse();
    await run();
    loadReasons();
  };
  const patch = (row) => { rows.value = rows.value.map((one) => (one.id === row.id ? row : one)); };
  const drop = (ids) => { rows.value = rows.value.filter((one) => !ids.includes(one.id)); };
  async function reread(id) {
    const { data } = await call.get(`/api/channel/${id}`);
    patch(data);
    return data;
  }
  const reason = (row) => (row.status === OFF_BY_ITSELF ? reasons.value.get(`channel:${row.id}`) ?? null : null);
  return { rows, error, busy, load, patch, drop, reread, use, reason };
}

/** Words are looked for in the name, the number, the tag, the vendor and the address. */
function fits(row, filter, vendorName) {
  const words = filter.q.trim().toLowerCase();
  const text = `${row.id} ${row.name} ${row.tag} ${row.base_url} ${vendorName}`.toLowerCase();
  return words.split(/\s+/).every((one) => text.includes(one))
    && (!filter.status || String(row.status) === filter.status)
    && (!filter.vendor || String(row.type) === filter.vendor)
    && (!filter.tag || row.tag === filter.tag)
    && (!filter.group || namesOf(row.group).includes(filter.group))
    && (!filter.model || namesOf(row.models).includes(filter.model));
}

export function useFiltered(rows, filter, vendorName) {
  const shown = computed(() => rows.value.filter((row) => fits(row, filter.value, vendorName(row.type))));
  const distinct = (values) => [...new Set(values)].filter(Boolean).sort((one, other) => String(one).localeCompare(String(other)));
  const choices = computed(() => ({
    vendors: distinct(rows.value.map((row) => row.type)),
    groups: distinct(rows.value.flatMap((row) => namesOf(row.group))),
    tags: distinct(rows.value.map((row) => row.tag)),
    models: distinct(rows.value.flatMap((row) => namesOf(row.models))),
  }));
  return { shown, choices };
}
