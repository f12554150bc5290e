// One key answers a review: the letter that stands on the button. Not while somebody writes, nor with a key held down.
document.addEventListener("keydown", (event) => {
  if (event.repeat || event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, textarea, select, [contenteditable]")) return;
  const key = event.key.toLowerCase();
  if (!/^[a-z]$/.test(key)) return;
  document.querySelector(`button[data-key="${key}"]`)?.click();
});
