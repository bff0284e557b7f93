// Templates: html`<tag …>` makes Vue's nodes, without a compiler, so that the content policy needs no eval.
import { h, isVNode } from "vue";
import htm from "htm";

const isSlots = (child) => child !== null && typeof child === "object" && !Array.isArray(child) && !isVNode(child);

/** For a component children become slots: a lone function is the default one, a lone plain object names them. */
function make(type, props, ...children) {
  this[0] = 3; // no caching: Vue wants its nodes new at each rendering
  if (typeof type === "string" || typeof type === "symbol") return h(type, props, children);
  if (!children.length) return h(type, props);
  const [only] = children;
  if (children.length === 1 && typeof only === "function") return h(type, props, { default: only });
  if (children.length === 1 && isSlots(only)) return h(type, props, only);
  return h(type, props, { default: () => children });
}

export const html = htm.bind(make);

/** Two-way binding to a component: <${Select} ...${model(chosen)} />, where `chosen` is a ref; or modelValue=${…} onUpdate:modelValue=${…}. */
export function model(ref) {
  return { modelValue: ref.value, "onUpdate:modelValue": (value) => { ref.value = value; } };
}

/** Two-way binding to a native field: <input ...${bind(form, "name")}>. `trim` and `number` as they say. */
export function bind(object, name, { trim = false, number = false, event = "onInput" } = {}) {
  return {
    value: object[name] ?? "",
    [event]: ({ target }) => {
      const text = trim ? target.value.trim() : target.value;
      object[name] = number && text !== "" ? Number(text) : text;
    },
  };
}

/** The same for a checkbox. */
export function tick(object, name) {
  return { type: "checkbox", checked: Boolean(object[name]), onChange: ({ target }) => { object[name] = target.checked; } };
}
