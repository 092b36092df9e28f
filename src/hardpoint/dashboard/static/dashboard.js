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
})();
