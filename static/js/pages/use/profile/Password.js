// A new password, typed twice; all other sessions end with it.
import { reactive, ref } from "vue";
import { t } from "../../../core/i18n.js";
import { useAction } from "../../../core/load.js";
import { call, session } from "../../../core/session.js";
import { bind, html } from "../../../html.js";
import { say } from "../../../parts/confirm.js";
import { Failure } from "../../../parts/Failure.js";
import { Field } from "../../../parts/Field.js";
import { Section } from "./Section.js";

const LEAST = 8;

export const Password = {
  name: "Password",
  emits: ["changed"],
  setup(_, { emit }) {
    const form = reactive({ password: "", again: "" });
    const wrong = ref({});
    const { busy, error, act } = useAction(async () => {
      await call.put("/api/user/self", { password: form.password });
      Object.assign(form, { password: "", again: "" });
      say(t("password.changed"));
      emit("changed");
    });
    function submit(event) {
      event.preventDefault();
      const short = new TextEncoder().encode(form.password).length < LEAST;
      wrong.value = { password: short ? t("password.short") : "", again: !short && form.password !== form.again ? t("password.differs") : "" };
      if (!wrong.value.password && !wrong.value.again) act();
    }
    const field = (name, label, hint = "") => html`<${Field} label=${label} hint=${hint} error=${wrong.value[name] ?? ""}>${(given) => html`
      <input ...${given} name=${`new-${name}`} type="password" autocomplete="new-password" ...${bind(form, name)} />`}</${Field}>`;
    return () => html`<${Section} title=${t("signin.password")} text=${t("password.text")}>
      <form class="stack" novalidate onSubmit=${submit}>
        <input class="visually-hidden" type="text" name="username" autocomplete="username" value=${session.user.username} readonly tabindex="-1" aria-hidden="true" />
        <div class="fields">${field("password", t("password.new"), t("password.hint"))}${field("again", t("password.again"))}</div>
        <${Failure} error=${error.value} />
        <div class="row"><button type="submit" class="button" id="save-password" aria-disabled=${busy.value ? "true" : null}>${t("password.set")}</button></div>
      </form>
    </${Section}>`;
  },
};
