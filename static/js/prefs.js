// What this browser remembers: theme and language. Theme "system" follows the machine.
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

export const THEMES = ["system", "light", "dark"];

export function theme() {
  const kept = read().theme;
  return THEMES.includes(kept) ? kept : "system";
}

function paint(choice) {
  const shown = choice === "system" ? (dark.matches ? "dark" : "light") : choice;
  document.documentElement.dataset.theme = shown;
}

export function setTheme(choice) {
  remember({ theme: choice });
  paint(choice);
}

dark.addEventListener("change", () => paint(theme()));
