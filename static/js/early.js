// Runs before the first paint, so that nobody sees the wrong theme or language flash by, and asks at once for the modules of the
// language and the page: what they need stands in the page (gateway/console_page.py), which modules would tell one after the other.
(function () {
  var root = document.documentElement;
  var kept = {};
  try {
    kept = JSON.parse(localStorage.getItem("tollgate.prefs") || "{}") || {};
  } catch (_) {
    kept = {};
  }
  var dark = window.matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = kept.theme === "dark" || kept.theme === "light" ? kept.theme : dark ? "dark" : "light";
  var first = kept.language || (navigator.languages && navigator.languages[0]) || navigator.language || "en";
  root.lang = /^zh/i.test(first) ? "zh-CN" : "en";

  var early = JSON.parse(document.getElementById("early").textContent);
  var base = new URL("..", document.currentScript.src).href;
  var page = location.hash.slice(1).split("?")[0] || "/";
  (early.needs["words:" + root.lang] || []).concat(early.needs[page] || []).forEach(function (at) {
    var link = document.createElement("link");
    link.rel = "modulepreload";
    link.href = base + early.files[at];
    document.head.append(link);
  });
})();
