// All words of this language, a file for each part of the console.
import common from "./common.js";

export default { ...common };
