// The proof: seals for everybody to write down, how to check alone, and for admins what the checks found.
import { AuditPart } from "./audit.js";
import { h, fill } from "./dom.js";
import { copyButton } from "./copy.js";
import { t } from "./i18n.js";
import { seals } from "./seals.js";
import { VerifyPart } from "./verify.js";

/** A command line as it is typed, with a button that copies it. */
function command(line) {
  return h("div.snippet.line", {}, h("pre", { tabindex: "0" }, line), copyButton(() => line, { label: t("copy") }));
}

function trust({ digest, public_key: key } = {}) {
  return [key ? `--public-key ${key}` : "", `--expect-seal ${digest ?? "DIGEST"}`].filter(Boolean).join(" ");
}

/** How to check without this page; with the digest of the newest seal filled in, which is better replaced by one's own. */
function alone(session, newest) {
  const known = newest ?? {};
  const steps = session.isAdmin()
    ? [["offline.database", "tollgate ledger verify"], ["offline.bundle", "tollgate ledger export --bundle books.tar"],
      ["offline.check", `tollgate ledger verify --bundle books.tar ${trust(known)}`]]
    : [];
  steps.push(["offline.receipt", "tollgate ledger verify --receipt receipt.json --expect-seal DIGEST"]);
  return [
    h("h2", {}, t("offline.title")), h("p.quiet.prose", {}, t(session.isAdmin() ? "offline.why" : "offline.whyUser")),
    h("ol.steps", {}, steps.map(([key, line]) => h("li", {}, h("p", {}, t(key)), command(line)))),
  ];
}

export class ProofView {
  constructor(session) {
    this.session = session;
    this.audit = session.isAdmin() ? new AuditPart(session) : null;
    this.verify = session.isAdmin() ? new VerifyPart(session) : null;
  }

  mount() {
    const { session } = this;
    const offline = h("section.part", {}, alone(session, null));
    this.list = seals(session, (newest) => {
      this.audit?.sealed(newest);
      fill(offline, alone(session, newest));
    });
    this.dispose = () => {
      this.list.dispose();
      this.audit?.dispose();
    };
    const checks = session.isAdmin() ? h("div.pair", {}, this.audit.mount(), this.verify.mount()) : null;
    return h("div", {}, checks, this.list.node, offline);
  }

  events() {
    return [];
  }

  reload() {
    this.list.reload();
    this.audit?.reload();
  }
}
