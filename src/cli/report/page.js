"use strict";
// Values of charts beneath the pointer, and cells of the matrix that open in
// place. Without it, titles show the values, and cells lead to their pictures.
(() => {
  const root = document.documentElement;
  const tip = document.getElementById("tip");
  root.classList.add("scripted");

  for (const svg of document.querySelectorAll(".chart svg")) {
    const cross = svg.querySelector(".cross");
    for (const hit of svg.querySelectorAll(".hit")) {
      const title = hit.querySelector("title");
      const text = title.textContent;
      hit.setAttribute("aria-label", text);
      title.remove();
      hit.addEventListener("pointerenter", () => {
        const x = hit.dataset.x;
        cross.setAttribute("x1", x);
        cross.setAttribute("x2", x);
        svg.classList.add("pointed");
        tip.textContent = text;
        tip.hidden = false;
        const box = svg.getBoundingClientRect();
        const at = box.left + x * box.width / svg.viewBox.baseVal.width;
        const left = Math.min(at + 12, root.clientWidth - tip.offsetWidth - 8);
        tip.style.left = `${Math.max(8, left) + scrollX}px`;
        tip.style.top = `${box.top + 14 + scrollY}px`;
      });
    }
    svg.addEventListener("pointerleave", () => {
      tip.hidden = true;
      svg.classList.remove("pointed");
    });
  }

  const links = [...document.querySelectorAll(".matrix td a")];
  const show = (link, open) => {
    document.querySelector(link.hash)
      .classList.toggle("open", open);
    link.classList.toggle("open", open);
    link.setAttribute("aria-expanded", open);
  };
  for (const link of links) {
    link.setAttribute("aria-expanded", false);
    link.addEventListener("click", event => {
      event.preventDefault();
      const open = !link.classList.contains("open");
      for (const other of links)
        if (other.classList.contains("open")) show(other, false);
      if (open) show(link, true);
    });
  }
  const first = document.querySelector(".behind");
  const link = first && links.find(one => one.hash === "#" + first.id);
  if (link) show(link, true);
})();
