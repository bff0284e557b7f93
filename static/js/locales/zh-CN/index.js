// All words of this language, a file for each part of the console.
import common from "./common.js";
import audit from "./audit.js";
import channels from "./channels.js";
import entry from "./entry.js";
import operate from "./operate.js";
import options from "./options.js";
import prices from "./prices.js";
import use from "./use.js";
import usage from "./usage.js";

export default { ...common, ...audit, ...channels, ...entry, ...operate, ...options, ...prices, ...use, ...usage };
