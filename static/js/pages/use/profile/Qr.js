// A QR code as a picture; nothing where the text is too long for one (it is there to type as well).
import { computed } from "vue";
import { qrCode } from "../../../core/qr.js";
import { html } from "../../../html.js";

const MARGIN = 4;

function pathOf(text) {
  try {
    const rows = qrCode(text);
    return { size: rows.length + 2 * MARGIN, path: rows.flatMap((row, y) => row.map((dark, x) => (dark ? `M${x + MARGIN} ${y + MARGIN}h1v1h-1z` : ""))).join("") };
  } catch (error) {
    if (error instanceof RangeError) return null;
    throw error;
  }
}

export const Qr = {
  name: "Qr",
  props: { text: { type: String, required: true }, label: { type: String, required: true } },
  setup(props) {
    const drawn = computed(() => pathOf(props.text));
    return () => (drawn.value ? html`<svg class="qr" viewBox=${`0 0 ${drawn.value.size} ${drawn.value.size}`} role="img" aria-label=${props.label} shape-rendering="crispEdges">
      <rect class="ground" width=${drawn.value.size} height=${drawn.value.size} /><path d=${drawn.value.path} /></svg>` : null);
  },
};
