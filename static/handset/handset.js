// Brings the live part of the page up to date, piece by piece: what has not changed is left alone, so that focus,
// scrolling and screen readers are not disturbed.
"use strict";
(() => {
  const seen = new Map();
  let newest = 0;

  const cookie = (name) => (document.cookie.match(`(?:^|; )${name}=([^;]+)`) || [])[1];

  function apply(answer) {
    const draft = new DOMParser().parseFromString(answer, "text/html");
    const live = draft.querySelector("[data-at]");
    if (!live || Number(live.dataset.at) < newest) return;
    newest = Number(live.dataset.at);
    for (const fresh of live.querySelectorAll("[data-live]")) {
      const old = document.getElementById(fresh.id);
      if (!old) continue;
      if (fresh.dataset.live === "list") merge(old, fresh);
      else if (changed(fresh)) {
        old.className = fresh.className;
        old.innerHTML = fresh.innerHTML;
      }
    }
  }

  function changed(node) {
    if (seen.get(node.id) === node.outerHTML) return false;
    seen.set(node.id, node.outerHTML);
    return true;
  }

  function merge(list, fresh) {
    const atEnd = list.scrollHeight - list.scrollTop - list.clientHeight < 80;
    const last = list.lastElementChild && list.lastElementChild.id;
    const wanted = new Set([...fresh.children].map((item) => item.id));
    for (const item of [...list.children]) if (!wanted.has(item.id)) item.remove();
    [...fresh.children].forEach((item, place) => {
      let standing = document.getElementById(item.id);
      if (!standing) {
        standing = document.importNode(item, true);
        standing.classList.add("new");
        seen.set(item.id, item.outerHTML);
      } else if (changed(item)) {
        standing.className = item.className;
        standing.innerHTML = item.innerHTML;
      }
      if (list.children[place] !== standing) list.insertBefore(standing, list.children[place] || null);
    });
    if (atEnd || (list.lastElementChild && list.lastElementChild.id !== last)) list.scrollTop = list.scrollHeight;
  }

  function remember() {
    for (const node of document.querySelectorAll("[data-live=html], [data-live=list] > *")) seen.set(node.id, node.outerHTML);
    const thread = document.getElementById("thread");
    if (thread) thread.scrollTop = thread.scrollHeight;
  }

  // A log-in in another tab changes the token; the cookie always has the valid one.
  document.addEventListener("submit", () => {
    const token = cookie("csrftoken");
    if (token) for (const field of document.getElementsByName("csrfmiddlewaretoken")) field.value = token;
  }, true);

  document.addEventListener("htmx:afterRequest", (event) => {
    const { elt, successful, xhr } = event.detail;
    document.getElementById("offline").hidden = xhr.status !== 0 && xhr.status < 500;
    if (!successful) return;
    apply(xhr.responseText);
    const notice = document.getElementById("notice");
    if (elt.matches("[data-clears]") && notice && !notice.textContent.trim()) elt.reset();
  });

  document.addEventListener("DOMContentLoaded", remember);
})();
