// The operator's own line below each page: HTML that the server has made harmless.
import { session } from "../core/session.js";
import { html } from "../html.js";

export const Footer = {
  name: "Footer",
  setup: () => () => (session.status.footer_html ? html`<footer class="footer small quiet" innerHTML=${session.status.footer_html} />` : null),
};
