// The command palette: pages at once; users, keys, channels and events as one types. ↑ ↓ choose, Enter goes there.
import { computed, onBeforeUnmount, onMounted, ref, watch } from "vue";
import { useRouter } from "vue-router";
import { t } from "../core/i18n.js";
import { call, isAdmin, role, ROLES } from "../core/session.js";
import { html } from "../html.js";
import { PAGES } from "../pages.js";
import { Dialog } from "../parts/Dialog.js";
import { Icon } from "../parts/Icon.js";

const WAIT_MS = 200;
const MOST = 6;
/** Event ids are as the ledger writes them: a name, a colon, more. */
const EVENT = /^[\w-]+:[\w:.%-]{6,}$/;

/** What is searched, for whom, and where a finding leads. */
const PLACES = [
  { kind: "user", admin: true, find: (words) => call.get("/api/user/search", { keyword: words }), name: (row) => row.username, to: (row) => ({ path: "/users", query: { user: row.id } }) },
  { kind: "channel", admin: true, find: (words) => call.get("/api/channel/search", { keyword: words }), name: (row) => row.name, to: (row) => ({ path: "/channels", query: { channel: row.id } }) },
  { kind: "key", find: (words) => call.get("/api/token/search", { keyword: words }), name: (row) => row.name, to: (row) => ({ path: "/keys", query: { key: row.id } }) },
];

/** A ref that Ctrl K and ⌘ K turn on. */
export function usePaletteKey() {
  const open = ref(false);
  const heard = (event) => {
    if (event.key.toLowerCase() !== "k" || !(event.ctrlKey || event.metaKey) || event.altKey || role.value < ROLES.user) return;
    event.preventDefault();
    open.value = true;
  };
  onMounted(() => document.addEventListener("keydown", heard));
  onBeforeUnmount(() => document.removeEventListener("keydown", heard));
  return open;
}

function pagesFor(words) {
  const mine = PAGES.filter((page) => page.needs !== "stranger" && !["oauth", "home"].includes(page.name) && ROLES[page.needs] <= role.value);
  const named = mine.map((page) => ({ key: page.path, kind: "page", icon: page.icon ?? page.name, name: t(`nav.${page.name}`), to: page.path, words: `${t(`nav.${page.name}`)} ${page.name}` }));
  return named.filter((one) => one.words.toLowerCase().includes(words.toLowerCase()));
}

async function search(words) {
  const asked = PLACES.filter((place) => !place.admin || isAdmin.value);
  const answers = await Promise.allSettled(asked.map((place) => place.find(words)));
  return answers.flatMap((answer, at) => {
    const place = asked[at];
    const rows = answer.status === "fulfilled" ? (answer.value.data ?? []).slice(0, MOST) : [];
    return rows.map((row) => ({ key: `${place.kind}:${row.id}`, kind: place.kind, icon: `${place.kind}s`.replace("keys", "key"), name: place.name(row), to: place.to(row) }));
  });
}

export const Palette = {
  name: "Palette",
  emits: ["close"],
  setup(_, { emit }) {
    const router = useRouter();
    const words = ref("");
    const found = ref([]);
    const at = ref(0);
    let timer = 0;
    const choices = computed(() => {
      const text = words.value.trim();
      const event = EVENT.test(text) ? [{ key: text, kind: "event", icon: "ledger", name: text, to: { path: "/log", query: { event: text } } }] : [];
      return [...event, ...pagesFor(text), ...(text ? found.value : [])];
    });
    watch(words, (text) => {
      at.value = 0;
      clearTimeout(timer);
      if (!text.trim()) return;
      timer = setTimeout(async () => {
        const rows = await search(text.trim());
        if (words.value === text) found.value = rows;
      }, WAIT_MS);
    });
    onBeforeUnmount(() => clearTimeout(timer));
    function go(choice) {
      if (!choice) return;
      emit("close");
      router.push(choice.to);
    }
    function keys(event) {
      const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
      const { length } = choices.value;
      if (step && length) {
        event.preventDefault();
        at.value = (at.value + step + length) % length;
      } else if (event.key === "Enter") {
        event.preventDefault();
        go(choices.value[at.value]);
      }
    }
    const option = (choice, place) => html`<li key=${choice.key} id="palette-${place}" role="option" aria-selected=${place === at.value ? "true" : "false"} onClick=${() => go(choice)}>
      <${Icon} name=${choice.icon} /><span>${choice.name}</span><span class="note">${t(`palette.${choice.kind}`)}</span></li>`;
    return () => html`<${Dialog} title=${t("palette.title")} onClose=${() => emit("close")}>
      <div class="palette">
        <input class="input" autofocus role="combobox" aria-expanded="true" aria-controls="palette-list" aria-activedescendant=${choices.value.length ? `palette-${at.value}` : null}
          aria-label=${t("palette.title")} placeholder=${t("palette.hint")} value=${words.value} spellcheck="false" autocomplete="off"
          onInput=${({ target }) => { words.value = target.value; }} onKeydown=${keys} />
        <ul id="palette-list" role="listbox" aria-label=${t("palette.title")}>${choices.value.map(option)}</ul>
        ${choices.value.length ? null : html`<p class="quiet">${t("palette.none")}</p>`}
      </div></${Dialog}>`;
  },
};
