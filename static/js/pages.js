// Every page: its address, who may see it, where it stands in the rail, and the module that is loaded when it is opened.
// A page's words are `nav.<name>`; its module exports the component as default.

/** `group` puts a page into the rail; `needs` is the least role (see ROLES in core/session.js), "stranger" is for those who are not signed in. */
export const PAGES = [
  { name: "home", path: "/", needs: "anyone", load: () => import("./pages/entry/home.js") },
  { name: "about", path: "/about", needs: "anyone", load: () => import("./pages/entry/about.js") },
  { name: "pricing", path: "/pricing", needs: "anyone", load: () => import("./pages/entry/pricing.js") },
  { name: "signin", path: "/signin", needs: "stranger", load: () => import("./pages/entry/signin.js") },
  { name: "join", path: "/join", needs: "stranger", load: () => import("./pages/entry/join.js") },
  { name: "reset", path: "/reset", needs: "stranger", load: () => import("./pages/entry/reset.js") },
  { name: "oauth", path: "/oauth", needs: "anyone", load: () => import("./pages/entry/oauth.js") },
  { name: "wechat", path: "/wechat", needs: "stranger", load: () => import("./pages/entry/wechat.js") },
  { name: "api", path: "/api", needs: "anyone", load: () => import("./pages/entry/api.js") },

  { name: "overview", path: "/overview", group: "use", needs: "user", load: () => import("./pages/use/overview.js") },
  { name: "playground", path: "/playground", group: "use", needs: "user", load: () => import("./pages/use/playground.js") },
  { name: "keys", icon: "key", path: "/keys", group: "use", needs: "user", load: () => import("./pages/use/keys.js") },
  { name: "log", path: "/log", group: "use", needs: "user", load: () => import("./pages/use/log.js") },
  { name: "statement", path: "/statement", group: "use", needs: "user", load: () => import("./pages/use/statement.js") },
  { name: "topup", path: "/topup", group: "use", needs: "user", load: () => import("./pages/use/topup.js") },
  { name: "invite", path: "/invite", group: "use", needs: "user", load: () => import("./pages/use/invite.js") },
  { name: "profile", path: "/profile", needs: "user", load: () => import("./pages/use/profile.js") },

  { name: "dashboard", path: "/dashboard", group: "operate", needs: "admin", load: () => import("./pages/operate/dashboard.js") },
  { name: "channels", path: "/channels", group: "operate", needs: "admin", load: () => import("./pages/operate/channels.js") },
  { name: "users", path: "/users", group: "operate", needs: "admin", load: () => import("./pages/operate/users.js") },
  { name: "codes", path: "/codes", group: "operate", needs: "admin", load: () => import("./pages/operate/codes.js") },
  { name: "prices", path: "/prices", group: "operate", needs: "admin", load: () => import("./pages/operate/prices.js") },
  { name: "orders", icon: "topup", path: "/orders", group: "operate", needs: "admin", load: () => import("./pages/operate/orders.js") },
  { name: "notices", path: "/notices", group: "operate", needs: "admin", load: () => import("./pages/operate/notices.js") },
  { name: "options", path: "/options", group: "operate", needs: "root", load: () => import("./pages/operate/options.js") },
  { name: "setup", path: "/setup", needs: "root", load: () => import("./pages/operate/setup.js") },

  { name: "ledger", path: "/ledger", group: "audit", needs: "admin", load: () => import("./pages/audit/ledger.js") },
  { name: "verify", path: "/verify", group: "audit", needs: "admin", load: () => import("./pages/audit/verify.js") },
  { name: "balances", icon: "clock", path: "/balances", group: "audit", needs: "admin", load: () => import("./pages/audit/balances.js") },
  { name: "reconcile", path: "/reconcile", group: "audit", needs: "admin", load: () => import("./pages/audit/reconcile.js") },
  { name: "reversals", path: "/reversals", group: "audit", needs: "admin", load: () => import("./pages/audit/reversals.js") },
  { name: "changes", path: "/changes", group: "audit", needs: "admin", load: () => import("./pages/audit/changes.js") },
];

export const GROUPS = ["use", "operate", "audit"];
