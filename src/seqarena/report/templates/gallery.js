for (const gallery of document.querySelectorAll(".gallery")) {
  const strip = gallery.querySelector(".strip");
  const count = strip.children.length;
  const place = () => Math.round(strip.scrollLeft / strip.clientWidth);
  const shown = gallery.querySelector(".turn span");
  for (const button of gallery.querySelectorAll("[data-turn]")) {
    button.addEventListener("click", () => {
      const next = (place() + Number(button.dataset.turn) + count) % count;
      strip.scrollTo({ left: next * strip.clientWidth, behavior: "smooth" });
    });
  }
  if (shown) {
    strip.addEventListener("scroll", () => { shown.textContent = `${place() + 1} / ${count}`; });
  }
}
