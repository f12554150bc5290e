// What unfold opens by a click on a <span>, a <div> or an <a> without an address: here Tab reaches it, Enter and the space
// bar open it, it has a name for who can't see it, and Escape closes what it opened and gives the focus back.
const CLICK = "x-on:click";
const OPENERS = [
  ["#header-inner span", "sidebarDesktopOpen", "Show or hide the menu"],
  ["#header-inner span", "sidebarMobileOpen", "Open the menu"],
  ["#nav-sidebar span", "sidebarMobileOpen", "Close the menu"],
  ["#nav-sidebar div", "openUserLinks", "Your account, theme and log-out"],
  ["#main a", "filterOpen", "Filters"],
  ["#nav-sidebar a", "switchTheme", ""],
];
const PANELS = [
  ["#changelist-filter", () => document.getElementById("changelist-filter-close").click()],
  ["#nav-sidebar nav nav", () => document.querySelector("#nav-sidebar div[role=button]").click()],
  ["#nav-sidebar", () => document.querySelector("#nav-sidebar span[role=button]").click()],
];
const FOCUSABLE = "a[href], button, input:not([type=hidden]), select, textarea, [role=button]";
const isDesk = window.matchMedia("(min-width: 1280px)"); // there the menu always stands
let opener = null;

const isShown = (element) => element.checkVisibility({ visibilityProperty: true });

const openPanel = () => PANELS.find(([where]) => {
  const found = document.querySelector(where);
  return found && isShown(found) && !(where === "#nav-sidebar" && isDesk.matches);
});

const inside = (where) => [...document.querySelector(where).querySelectorAll(FOCUSABLE)].filter(isShown);

const enter = () => {
  const panel = openPanel();
  if (panel) inside(panel[0])[0]?.focus();
};

const makeButton = (element, name) => {
  element.setAttribute("role", "button");
  element.tabIndex = 0;
  element.classList.add("oo-opener");
  if (name) element.setAttribute("aria-label", name);
  element.addEventListener("keydown", (event) => {
    if (event.target !== element || !["Enter", " "].includes(event.key)) return;
    event.preventDefault();
    opener = element;
    element.click();
    window.setTimeout(enter, 50); // after the menu has come in
  });
};

const close = (panel) => {
  panel[1]();
  opener?.focus();
  opener = null;
};

const keepInside = (event, where) => {
  const stops = inside(where);
  const edge = event.shiftKey ? stops[0] : stops.at(-1);
  if (stops.includes(document.activeElement) && document.activeElement !== edge) return;
  event.preventDefault();
  (event.shiftKey ? stops.at(-1) : stops[0])?.focus();
};

document.addEventListener("DOMContentLoaded", () => {
  for (const [where, does, name] of OPENERS) {
    for (const element of document.querySelectorAll(where)) {
      if (element.getAttribute(CLICK)?.includes(does)) makeButton(element, name);
    }
  }
});

document.addEventListener("keydown", (event) => {
  const panel = ["Escape", "Tab"].includes(event.key) && !document.querySelector("dialog[open]") && openPanel();
  if (!panel) return;
  if (event.key === "Escape") close(panel);
  else keepInside(event, panel[0]);
});
