// Runs before the first paint, so that nobody sees the wrong theme or language flash by.
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
})();
