// Keeping a text as a file.

const KEPT_MS = 60_000;

export function saveAs(name, text, type = "text/plain") {
  const url = URL.createObjectURL(new Blob([text], { type }));
  const link = Object.assign(document.createElement("a"), { href: url, download: name });
  document.body.append(link);
  link.click();
  link.remove();
  // The browser has taken the file over by the next turn of its event loop; a minute leaves room for slow ones.
  setTimeout(() => URL.revokeObjectURL(url), KEPT_MS);
}
