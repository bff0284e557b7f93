// One's own account: what one is called, what one signs in with, where one is signed in, how things look, and leaving.
import { ref } from "vue";
import { t } from "../../core/i18n.js";
import { html } from "../../html.js";
import { Page } from "../../parts/Page.js";
import { Account } from "./profile/Account.js";
import { Leave } from "./profile/Leave.js";
import { Looks } from "./profile/Looks.js";
import { Mail } from "./profile/Mail.js";
import { Password } from "./profile/Password.js";
import { Reminder } from "./profile/Reminder.js";
import { SecondFactor } from "./profile/SecondFactor.js";
import { Sessions } from "./profile/Sessions.js";
import { Tokens } from "./profile/Tokens.js";
import { Ways } from "./profile/Ways.js";

export default {
  name: "Profile",
  setup() {
    const ended = ref(0); // counts what ends sessions, so that their list is read again
    return () => html`<${Page} title=${t("nav.profile")}><div class="settings">
      <${Account} /><${Looks} /><${Mail} /><${Reminder} />
      <${Password} onChanged=${() => { ended.value += 1; }} /><${SecondFactor} /><${Ways} />
      <${Sessions} key=${ended.value} /><${Tokens} /><${Leave} />
    </div></${Page}>`;
  },
};
