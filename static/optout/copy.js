// A button with data-copy puts the value of the field that it names on the clipboard.
document.querySelectorAll("[data-copy]").forEach((button) => {
  const words = button.textContent;
  button.addEventListener("click", async () => {
    const field = document.getElementById(button.dataset.copy);
    field.select();
    try {
      await navigator.clipboard.writeText(field.value);
    } catch {
      document.execCommand("copy"); // without https the clipboard's own interface is not there
    }
    button.textContent = "Copied";
    setTimeout(() => { button.textContent = words; }, 2000);
  });
});
