// Language and colours: this browser's.
import { language, LANGUAGES, setLanguage, t } from "../../../core/i18n.js";
import { colours, COLOURS, setColours } from "../../../core/prefs.js";
import { html } from "../../../html.js";
import { Segments } from "../../../parts/Field.js";
import { Section } from "./Section.js";

const languages = Object.entries(LANGUAGES).map(([value, label]) => ({ value, label }));

export const Looks = {
  name: "Looks",
  setup: () => () => html`<${Section} title=${t("looks")} text=${t("looks.text")}>
    <div class="row wraps">
      <${Segments} label=${t("looks.language")} options=${languages} modelValue=${language()} onUpdate:modelValue=${setLanguage} />
      <${Segments} label=${t("looks.colours")} options=${COLOURS.map((value) => ({ value, label: t(`theme.${value}`) }))} modelValue=${colours.value} onUpdate:modelValue=${setColours} />
    </div>
  </${Section}>`,
};
