// The address holds what is shown: #/log?range=7d&model=…&event=…  A link to a charge is just the address.
export function read() {
  const [, page = "", query = ""] = /^#\/?([\w-]*)\??(.*)$/.exec(location.hash) ?? [];
  return { page, params: Object.fromEntries(new URLSearchParams(query)) };
}

export function href(page, params = {}) {
  const filled = Object.entries(params).filter(([, value]) => value !== "" && value != null);
  const query = new URLSearchParams(filled).toString();
  return `#/${page}${query ? `?${query}` : ""}`;
}

/** Change parameters of the page shown. `push` leaves a step to go back to. */
export function change(params, { push = false } = {}) {
  const now = read();
  const next = href(now.page, { ...now.params, ...params });
  if (next === location.hash) return;
  if (push) location.hash = next;
  else {
    history.replaceState(null, "", next);
    window.dispatchEvent(new HashChangeEvent("hashchange"));
  }
}

export const onRoute = (listener) => window.addEventListener("hashchange", listener);
