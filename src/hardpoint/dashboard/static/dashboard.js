"use strict";
// Copying, keys to move through rows, and the chart. Every page works without it.
(() => {
  const say = (text) => {
    const place = document.getElementById("said");
    if (place) place.textContent = text;
  };
  document.querySelectorAll("[data-copy]").forEach((button) => {
    button.hidden = false;
  });
  document.addEventListener("click", async (event) => {
    const button = event.target.closest?.("[data-copy]");
    if (!button) return;
    const text = document.getElementById(button.dataset.copy)?.textContent ?? "";
    try {
      await navigator.clipboard.writeText(text);
      say("Copied");
      button.textContent = "Copied";
    } catch {
      say("The browser does not let this page copy: select the text instead");
    }
  });
  // j and k move through the rows of a list, as Tab does; / goes to the search.
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.closest?.("input, select, textarea")) return;
    const links = [...document.querySelectorAll("table.rows tbody tr td a[href]")];
    const here = links.indexOf(document.activeElement);
    if (event.key === "j" || event.key === "k") {
      const next = links[event.key === "j" ? here + 1 : Math.max(here - 1, 0)];
      if (next) { next.focus(); event.preventDefault(); }
    } else if (event.key === "/") {
      const find = document.querySelector(".find input");
      if (find) { find.focus(); event.preventDefault(); }
    }
  });
  // The chart: the table beneath it says the same.
  const place = document.getElementById("chart");
  if (place && window.uPlot) {
    const begins = JSON.parse(place.dataset.begins);
    const bins = JSON.parse(place.dataset.bins);
    const style = getComputedStyle(document.documentElement);
    const colour = (name) => style.getPropertyValue(name).trim();
    const draw = () => {
      place.replaceChildren();
      const axis = { stroke: colour("--faint"), grid: { show: false }, ticks: { show: false }, font: "11px system-ui" };
      new uPlot({
        width: place.clientWidth, height: 140, legend: { show: false }, cursor: { show: false },
        tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), "Etc/UTC"),
        scales: { y: { range: (_, low, high) => [0, Math.max(high, 4)] } },
        axes: [{ ...axis, values: "{HH}:{mm}" }, { ...axis, size: 44, splits: (_, i, low, high) => [0, Math.ceil(high / 2), Math.ceil(high)] }],
        series: [{}, { fill: colour("--link"), stroke: colour("--link"), width: 0, points: { show: false }, paths: uPlot.paths.bars({ size: [0.8, 40], align: 1 }) }],
      }, [begins, bins], place);
    };
    draw();
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
    let width = place.clientWidth;
    new ResizeObserver(() => {
      if (place.clientWidth !== width) { width = place.clientWidth; draw(); }
    }).observe(place);
  }
})();
