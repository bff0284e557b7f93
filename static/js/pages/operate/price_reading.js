// The price book as the server has it: its versions, the table that is looked at, and what is offered by channels.
import { useLoad } from "../../core/load.js";
import { call } from "../../core/session.js";

const NOTHING = { rows: [], group_ratios: {} };

async function read(signal, wanted) {
  const [list, offered] = await Promise.all([
    call.get("/api/ledger/prices", {}, { signal }),
    call.get("/api/ledger/prices/offered", {}, { signal }),
  ]);
  const version = Number(wanted) || list.in_force;
  const table = version ? await call.get(`/api/ledger/prices/${version}`, {}, { signal }) : { data: NOTHING, since: {} };
  return {
    versions: list.data, inForce: list.in_force, version, rows: table.data.rows, groups: table.data.group_ratios,
    byModel: new Map(table.data.rows.map((row) => [row.model, row])), since: table.since,
    offered: offered.data, offeredNames: new Set(offered.data.map(({ model }) => model)),
  };
}

/** `run(version)` reads the table of a version, or the one in force. */
export const useBook = () => useLoad(read);

/** Offered models that some channel has no price for: [{model, channels}] with only those channels. */
export const missing = (book) => book.offered
  .map(({ model, channels }) => ({ model, channels: channels.filter(({ priced }) => !priced) }))
  .filter(({ channels }) => channels.length);
