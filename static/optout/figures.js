// Draws the figures of days on the start page with the Chart.js that unfold ships, in colours of the chosen theme.
// Without scripts the table below it says the same.
(() => {
  const SHADES = {
    light: { optOuts: "#b91c1c", texts: "#475569", words: "#4b5563", lines: "#e5e7eb" },
    dark: { optOuts: "#f87171", texts: "#94a3b8", words: "#d1d5db", lines: "#374151" },
  };
  const shades = () => SHADES[document.documentElement.classList.contains("dark") ? "dark" : "light"];

  const axis = (position, title, color, lines) => ({
    position,
    beginAtZero: true,
    grace: "5%",
    title: { display: true, text: title, color },
    ticks: { color, precision: 0, maxTicksLimit: 6 },
    grid: { color: lines, drawOnChartArea: position === "left" },
    border: { display: false },
  });

  const options = (shade) => ({
    animation: false,
    responsive: true,
    maintainAspectRatio: false,
    interaction: { mode: "index", intersect: false },
    plugins: { legend: { position: "top", align: "start", labels: { color: shade.words, usePointStyle: true } } },
    scales: {
      x: { ticks: { color: shade.words, maxTicksLimit: 10, maxRotation: 0 }, grid: { display: false } },
      left: axis("left", "Opt-outs", shade.words, shade.lines),
      right: axis("right", "Texts sent", shade.words, shade.lines),
    },
  });

  const datasets = (figures, shade) => [
    { type: "line", label: "Texts sent", data: figures.texts, yAxisID: "right", borderColor: shade.texts,
      backgroundColor: shade.texts, borderWidth: 2, borderDash: [5, 3], pointRadius: 0, pointStyle: "line" },
    { type: "bar", label: "Opt-outs", data: figures.opt_outs, yAxisID: "left", backgroundColor: shade.optOuts,
      borderRadius: 2, pointStyle: "rect" },
  ];

  for (const canvas of document.querySelectorAll("canvas[data-figures]")) {
    const figures = JSON.parse(canvas.dataset.figures);
    const chart = new Chart(canvas, {
      data: { labels: figures.days, datasets: datasets(figures, shades()) },
      options: options(shades()),
    });
    const repaint = () => {
      chart.data.datasets = datasets(figures, shades());
      chart.options = options(shades());
      chart.update();
    };
    new MutationObserver(repaint).observe(document.documentElement, { attributeFilter: ["class"] });
  }
})();
