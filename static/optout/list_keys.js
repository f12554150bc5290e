// The keys of a list: what each does stands in KEYS, which "?" shows. Not while somebody writes, nor with a modifier.
const KEYS = [
  ["/", "Search"],
  ["j or ↓", "Next row"],
  ["k or ↑", "Row before"],
  ["Enter", "Open the row"],
  ["x", "Tick the row, where rows can be ticked"],
  ["?", "This list"],
];

const links = () => [...document.querySelectorAll("#result_list tr.data-row th a, #result_list tr.data-row td a")]
  .filter((link, at, all) => all.findIndex((other) => other.closest("tr") === link.closest("tr")) === at);
const current = () => links().findIndex((link) => link.closest("tr").contains(document.activeElement));

const move = (by) => {
  const rows = links();
  if (!rows.length) return;
  const at = current();
  const next = rows[at < 0 ? 0 : Math.min(Math.max(at + by, 0), rows.length - 1)];
  next.focus();
  next.closest("tr").scrollIntoView({ block: "nearest" });
};

const tick = () => document.activeElement.closest("tr.data-row")?.querySelector("input.action-select")?.click();

const search = () => {
  const field = document.getElementById("searchbar");
  field?.focus();
  field?.select();
};

const help = () => {
  const dialog = document.createElement("dialog");
  dialog.className = "oo-keys";
  dialog.setAttribute("aria-label", "Keys");
  const list = document.createElement("dl");
  for (const [key, does] of KEYS) {
    const name = document.createElement("dt");
    name.textContent = key;
    const meaning = document.createElement("dd");
    meaning.textContent = does;
    list.append(name, meaning);
  }
  const close = document.createElement("button");
  close.className = "oo-button";
  close.textContent = "Close";
  close.addEventListener("click", () => dialog.close());
  dialog.append(list, close);
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
};

const ACTIONS = { "/": search, "?": help, j: () => move(1), k: () => move(-1), x: tick };

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
  if (event.target.closest("input:not([type=checkbox]), textarea, select, [contenteditable]")) return;
  const arrow = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  const act = arrow && current() >= 0 ? () => move(arrow) : ACTIONS[event.key];
  if (!act) return;
  event.preventDefault();
  act();
});

document.addEventListener("DOMContentLoaded", () => {
  document.querySelector("[data-keys]")?.addEventListener("click", help);
});
