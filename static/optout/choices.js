// Fields with suggestions (select2) are named by their labels, as every other field is.
const nameChoices = () => {
  for (const select of document.querySelectorAll("select.select2-hidden-accessible")) {
    const label = select.labels[0];
    const box = select.nextElementSibling;
    if (!label || !box) continue;
    label.id ||= `label-of-${select.id}`;
    for (const part of box.querySelectorAll("[role=combobox], [role=textbox], [role=searchbox]")) {
      const chosen = part.querySelector("[role=textbox]")?.id ?? "";
      part.setAttribute("aria-labelledby", `${label.id} ${chosen}`.trim());
    }
  }
};

// jQuery calls in the order asked: after the call that makes the fields, which may come later than "load".
window.addEventListener("load", () => window.django?.jQuery?.(nameChoices));
