// Fields with suggestions (select2) are named by their labels, as every other field is.
window.addEventListener("load", () => {
  for (const select of document.querySelectorAll("select.select2-hidden-accessible")) {
    const label = select.labels[0];
    const box = select.nextElementSibling;
    if (!label || !box) continue;
    label.id ||= `label-of-${select.id}`;
    for (const part of box.querySelectorAll("[role=combobox], [role=textbox], [role=searchbox]")) {
      part.setAttribute("aria-labelledby", `${label.id} ${part.role === "combobox" ? part.querySelector("[id]")?.id ?? "" : ""}`.trim());
    }
  }
});
