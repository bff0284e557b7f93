// Keeping something that this page has as a file.

/** `content` is text or a Blob. */
export function saveAs(name, content) {
  const url = URL.createObjectURL(new Blob([content]));
  const link = document.createElement("a");
  Object.assign(link, { href: url, download: name });
  document.body.append(link);
  link.click();
  link.remove();
  // The browser has taken the file over by the next turn of its event loop; a minute leaves room for slow ones.
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}
