// Charts are drawn when they come near the screen, in the colours of light or dark, and all of
// them for print.
const palette = JSON.parse(document.getElementById("palette").textContent);
const dark = matchMedia("(prefers-color-scheme: dark)");
const WIDE_PRINT = 680; // pixels: what a page of A4 holds
let printing = false;

const shade = (name) => palette[name][dark.matches && !printing ? 1 : 0];

// "@ink" is a colour of the palette, "@ink/40" the same with an opacity.
function painted(value) {
  if (typeof value === "string") {
    const found = value.match(/^@(\w+)\/?(\w*)$/);
    return found ? shade(found[1]) + found[2] : value;
  }
  if (Array.isArray(value)) return value.map(painted);
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, painted(item)]));
}

function template() {
  const axis = {
    automargin: true, gridcolor: "@line", linecolor: "@line", zeroline: false, ticks: "",
    title: { standoff: 8, font: { size: 12, color: "@soft" } },
    tickfont: { color: "@soft", size: 11 },
  };
  return { layout: {
    font: { family: "system-ui, sans-serif", size: 12, color: "@ink" },
    paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
    margin: { l: 10, r: 16, t: 10, b: 10 },
    xaxis: axis, yaxis: { ...axis, tickfont: { color: "@ink", size: 11 } },
    hovermode: "closest",
    hoverlabel: { bgcolor: "@card", bordercolor: "@line", font: { color: "@ink" }, align: "left" },
    legend: { orientation: "h", x: 0, y: 1.02, yanchor: "bottom", itemclick: "toggleothers",
              itemdoubleclick: "toggle" },
  } };
}

function draw(chart) {
  const { data, layout } = JSON.parse(chart.nextElementSibling.textContent);
  // On a phone a finger scrolls the page; a mouse may zoom.
  const dragmode = matchMedia("(pointer: coarse)").matches ? false : "zoom";
  const size = printing ? { width: WIDE_PRINT } : { autosize: true };
  const full = painted({ ...layout, ...size, dragmode, template: template() });
  Plotly.react(chart, painted(data), full, { displayModeBar: false, responsive: !printing });
  chart.dataset.drawn = "";
}

const charts = [...document.querySelectorAll(".chart")];
const near = new IntersectionObserver((entries) => {
  for (const { isIntersecting, target } of entries) {
    if (isIntersecting && !("drawn" in target.dataset)) draw(target);
  }
}, { rootMargin: "500px" });
charts.forEach((chart) => near.observe(chart));

const redraw = (chosen) => chosen.forEach(draw);
dark.addEventListener("change", () => redraw(charts.filter((chart) => "drawn" in chart.dataset)));
addEventListener("beforeprint", () => {
  printing = true;
  redraw(charts.filter((chart) => chart.offsetParent));
  document.querySelectorAll("img").forEach((image) => { image.loading = "eager"; });
});
addEventListener("afterprint", () => {
  printing = false;
  redraw(charts.filter((chart) => chart.offsetParent));
});
