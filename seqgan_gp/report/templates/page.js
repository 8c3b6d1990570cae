"use strict";
// The slider: one evaluation is shown at a time. Without this script the last one stands there.
for (const slider of document.querySelectorAll(".slider")) {
  const frames = [...slider.nextElementSibling.children];
  const range = slider.querySelector("input"), output = slider.querySelector("output"), play = slider.querySelector("button");
  let timer = null;
  const show = () => {
    frames.forEach((frame, number) => { frame.hidden = number !== Number(range.value); });
    output.value = frames[range.value].dataset.label;
    range.setAttribute("aria-valuetext", output.value);
  };
  const stop = () => { clearInterval(timer); timer = null; play.textContent = "▶"; play.setAttribute("aria-label", "Play"); };
  const step = () => { if (Number(range.value) === frames.length - 1) stop(); else { range.stepUp(); show(); } };
  range.addEventListener("input", () => { stop(); show(); });
  play.addEventListener("click", () => {
    if (timer !== null) return stop();
    if (Number(range.value) === frames.length - 1) { range.value = 0; show(); }
    play.textContent = "❚❚"; play.setAttribute("aria-label", "Pause");
    timer = setInterval(step, 800);
  });
  show();
}

// Tables and commands to copy. A table is copied whole, with the rows that are hidden.
async function copy(text) {
  if (navigator.clipboard && window.isSecureContext) return navigator.clipboard.writeText(text);
  const area = document.body.appendChild(document.createElement("textarea"));
  area.value = text; area.select(); document.execCommand("copy"); area.remove();
}
const cells = row => [...row.cells].map(cell => cell.textContent.trim()).join("\t");
for (const button of document.querySelectorAll("button.copy")) {
  button.addEventListener("click", async () => {
    const found = button.closest("section").querySelector(button.dataset.copies), words = button.textContent;
    await copy(found.rows ? [...found.rows].filter(row => row.cells.length > 1).map(cells).join("\n") : found.textContent);
    button.textContent = "copied";
    setTimeout(() => { button.textContent = words; }, 1500);
  });
}
for (const button of document.querySelectorAll("button.all")) {
  button.addEventListener("click", () => { button.closest("section").querySelector("table").classList.remove("short"); button.remove(); });
}

// Charts, in the colours of the page.
const items = JSON.parse(document.getElementById("charts").textContent);
function paint() {
  const ink = getComputedStyle(document.documentElement).getPropertyValue("--faint").trim();
  for (const drawn of Bokeh.documents) for (const plot of drawn.roots()) {
    for (const axis of [...plot.below, ...plot.left]) {
      axis.setv({ axis_label_text_color: ink, major_label_text_color: ink, axis_line_color: ink, major_tick_line_color: ink });
    }
    for (const grid of plot.center) if ("grid_line_color" in grid) grid.grid_line_color = ink;
  }
}
Promise.all(items.map(item => Bokeh.embed.embed_item(item))).then(() => {
  paint();
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", paint);
  addEventListener("beforeprint", paint);
  addEventListener("afterprint", paint);
  document.documentElement.dataset.drawn = items.length;
});
