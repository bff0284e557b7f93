// A text of a model's: shown as it is, with the code in it set apart. Nothing in it is ever taken for markup.
import { html } from "../../../html.js";
import { Copy } from "../../../parts/Copy.js";

const FENCE = /^(```+|~~~+)([^\n`]*)\n([\s\S]*?)(?:^\1[ \t]*(?:\n|$)|(?![\s\S]))/m;

/** A text as [{code: boolean, text, language}]; a block that is not closed yet goes on to the end. */
export function pieces(text) {
  const found = [];
  let rest = text;
  for (let match = FENCE.exec(rest); match; match = FENCE.exec(rest)) {
    const before = rest.slice(0, match.index);
    if (before.trim()) found.push({ code: false, text: before.replace(/\n+$/, "") });
    found.push({ code: true, language: match[2].trim(), text: match[3].replace(/\n$/, "") });
    rest = rest.slice(match.index + match[0].length).replace(/^\n+/, "");
  }
  if (rest.trim() || !found.length) found.push({ code: false, text: rest });
  return found;
}

const block = (piece, at) => html`<div class="snippet" key=${at}>${piece.language ? html`<p class="small quiet language">${piece.language}</p>` : null}
  <pre tabindex="0">${piece.text}</pre><${Copy} text=${piece.text} /></div>`;

export const Words = {
  name: "Words",
  props: { text: { type: String, required: true } },
  setup: (props) => () => html`<div class="words">${pieces(props.text).map((piece, at) => (piece.code ? block(piece, at) : html`<p key=${at}>${piece.text}</p>`))}</div>`,
};
