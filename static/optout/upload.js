// A file that is too large is refused before it is sent, and a long upload says that it goes on.
document.querySelectorAll("[data-limit]").forEach((button) => {
  const form = button.form;
  const file = form.querySelector("input[type=file]");
  file.addEventListener("change", () => {
    const large = file.files[0] && file.files[0].size > Number(button.dataset.limit);
    file.setCustomValidity(large ? button.dataset.tooLarge : "");
    file.reportValidity();
  });
  form.addEventListener("submit", (event) => {
    if (!file.reportValidity()) return event.preventDefault();
    button.textContent = "Uploading…";
    setTimeout(() => { button.disabled = true; });
  });
});
