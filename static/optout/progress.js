// A bar with data-progress asks its job how far it is, once a second, and draws the page anew when the job's phase changes.
document.querySelectorAll("[data-progress][data-follows]").forEach((box) => {
  const bar = box.querySelector("progress");
  const words = box.querySelector("[data-progress-words]");
  const error = box.querySelector("[data-progress-error]");
  const ask = async () => {
    let pause = 1000;
    try {
      const answer = await fetch(box.dataset.progress, { credentials: "same-origin", headers: { Accept: "application/json" } });
      if (answer.redirected || answer.status === 403 || answer.status === 404) return location.reload(); // logged out
      if (!answer.ok) throw new Error(answer.status);
      const job = await answer.json();
      if (job.phase !== box.dataset.phase) return location.reload();
      if (job.percent === null) bar.removeAttribute("value");
      else bar.value = job.percent;
      words.textContent = job.words;
      error.textContent = job.error;
      error.hidden = !job.error;
    } catch {
      pause = 5000; // the server is away for a moment: the job is not
    }
    setTimeout(ask, document.hidden ? 5000 : pause);
  };
  setTimeout(ask, 1000);
});
