"use strict";
(() => {
  const find = document.getElementById("find");
  if (find) {
    const hits = document.getElementById("hits");
    const boxes = [...document.querySelectorAll(".box[data-name]")];
    let found = [];
    let shown = -1;
    const show = (place) => {
      shown = place;
      const box = found[shown];
      box.closest("details").open = true;
      box.scrollIntoView({ block: "center", inline: "nearest" });
      hits.textContent = `${shown + 1} of ${found.length}: ${box.dataset.name}`;
    };
    find.addEventListener("input", () => {
      const wanted = find.value.trim().toLowerCase();
      found = wanted ? boxes.filter((box) => box.dataset.name.toLowerCase().includes(wanted)) : [];
      for (const box of boxes) box.classList.toggle("hit", found.includes(box));
      shown = -1;
      hits.textContent = wanted ? `${found.length} found` : "";
    });
    const next = () => found.length && show((shown + 1) % found.length);
    find.addEventListener("keydown", (event) => event.key === "Enter" && next());
    document.getElementById("next").addEventListener("click", next);
  }
  let closed = [];
  addEventListener("beforeprint", () => {
    closed = [...document.querySelectorAll("details:not([open])")];
    for (const part of closed) part.open = true;
  });
  addEventListener("afterprint", () => {
    for (const part of closed) part.open = false;
  });
})();
