// The two steps that are done on the page itself: root's password, and the name and address of the gateway.
import { reactive, ref } from "vue";
import { t } from "../../../core/i18n.js";
import { useAction } from "../../../core/load.js";
import { call, session } from "../../../core/session.js";
import { bind, html } from "../../../html.js";
import { say } from "../../../parts/confirm.js";
import { Failure } from "../../../parts/Failure.js";
import { Field } from "../../../parts/Field.js";

const LEAST = 8;
const form = (submit, busy, error, fields) => html`<form class="stack setup-form" novalidate onSubmit=${(event) => { event.preventDefault(); submit(); }}>
  ${fields}<${Failure} error=${error.value} /><div class="row"><button type="submit" class="button primary" aria-disabled=${busy.value ? "true" : null}>${t("save")}</button></div></form>`;

export const PasswordStep = {
  name: "PasswordStep",
  emits: ["changed"],
  setup(_, { emit }) {
    const typed = reactive({ password: "", again: "" });
    const wrong = ref({});
    const { busy, error, act } = useAction(async () => {
      wrong.value = {
        ...(typed.password.length < LEAST ? { password: t("users.password.wrong", { least: LEAST }) } : {}),
        ...(typed.password !== typed.again ? { again: t("setup.again.wrong") } : {}),
      };
      if (Object.keys(wrong.value).length) return;
      await call.put("/api/user/self", { password: typed.password });
      say(t("setup.password.saved"));
      Object.assign(typed, { password: "", again: "" });
      emit("changed");
    });
    const field = (name, label) => html`<${Field} label=${label} error=${wrong.value[name] ?? ""}>${(given) => html`<input ...${given} type="password" name=${name} autocomplete="new-password" ...${bind(typed, name)} />`}</${Field}>`;
    return () => form(act, busy, error, [html`<input type="text" name="username" value=${session.user?.username} autocomplete="username" hidden />`, field("password", t("setup.password.new")), field("again", t("setup.password.again"))]);
  },
};

export const AddressStep = {
  name: "AddressStep",
  emits: ["changed"],
  setup(_, { emit }) {
    const isOwn = !/\/\/(localhost|127\.)/.test(session.status.server_address ?? "") && session.status.server_address;
    const typed = reactive({ SystemName: session.status.system_name ?? "", ServerAddress: isOwn ? session.status.server_address : location.origin });
    const { busy, error, act } = useAction(async () => {
      for (const [key, value] of Object.entries(typed)) await call.put("/api/option/", { key, value: value.trim() });
      Object.assign(session.status, { system_name: typed.SystemName.trim(), server_address: typed.ServerAddress.trim() });
      say(t("saved"));
      emit("changed");
    });
    const field = (name, label, hint) => html`<${Field} label=${label} hint=${hint}>${(given) => html`<input ...${given} name=${name} autocomplete="off" spellcheck="false" ...${bind(typed, name)} />`}</${Field}>`;
    return () => form(act, busy, error, [field("SystemName", t("setup.name"), t("setup.name.hint")), field("ServerAddress", t("setup.server"), t("setup.server.hint"))]);
  },
};
