// Element Plus, for what browsers have nothing of their own for. Its styles come with it, before the console's, so that ours win.
const [first] = document.querySelectorAll('link[rel="stylesheet"]');
const vendor = new URL("../../vendor/", import.meta.url);

function style(name) {
  return new Promise((resolve, reject) => {
    const link = document.createElement("link");
    Object.assign(link, { rel: "stylesheet", href: new URL(name, vendor).href, onload: resolve, onerror: reject });
    first.before(link);
  });
}

await Promise.all([style("element-plus.css"), style("element-plus-dark.css")]);

export { ElAutocomplete, ElConfigProvider, ElInputTag, ElOption, ElProgress, ElSelect, ElSlider, ElUpload } from "element-plus";
