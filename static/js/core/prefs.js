// What this browser remembers: colours, language, the rail, columns of tables. Colours "system" follow the machine.
import { ref } from "vue";

const NAME = "tollgate.prefs";
const dark = window.matchMedia("(prefers-color-scheme: dark)");

function read() {
  try {
    return JSON.parse(localStorage.getItem(NAME) ?? "{}") ?? {};
  } catch {
    return {};
  }
}

export function remember(change) {
  const next = { ...read(), ...change };
  try {
    localStorage.setItem(NAME, JSON.stringify(next));
  } catch {
    // A browser that keeps nothing still gets its choice for this visit.
  }
  return next;
}

export const recall = (name, otherwise) => read()[name] ?? otherwise;

export const COLOURS = ["system", "light", "dark"];
export const colours = ref(COLOURS.includes(read().theme) ? read().theme : "system");
/** "light" or "dark": what is on the screen. */
export const shade = ref("light");

function paint() {
  shade.value = colours.value === "system" ? (dark.matches ? "dark" : "light") : colours.value;
  const root = document.documentElement;
  root.dataset.theme = shade.value;
  root.classList.toggle("dark", shade.value === "dark");
}

export function setColours(choice) {
  colours.value = choice;
  remember({ theme: choice });
  paint();
}

dark.addEventListener("change", paint);
paint();
