// Filters live in the address: a page that is sent to somebody, or opened again, shows the same.
import { computed } from "vue";
import { useRoute, useRouter } from "vue-router";

const text = (value) => (value === null || value === undefined ? "" : String(value));

/**
 * `defaults` names the filters and what each is when the address does not say. Returns {filter, set, clear, isNarrow}:
 * `filter` is a computed object of texts; `set({name: value})` changes the address without a step to go back to.
 */
export function useQuery(defaults) {
  const route = useRoute();
  const router = useRouter();
  const names = Object.keys(defaults);
  const filter = computed(() => Object.fromEntries(names.map((name) => [name, text(route.query[name] ?? defaults[name])])));

  function set(change) {
    const query = { ...route.query };
    for (const [name, value] of Object.entries(change)) {
      if (text(value) === text(defaults[name])) delete query[name];
      else query[name] = text(value);
    }
    return router.replace({ query });
  }
  const clear = () => set(defaults);
  const isNarrow = computed(() => names.some((name) => filter.value[name] !== text(defaults[name])));
  return { filter, set, clear, isNarrow };
}
