"use strict";
// Connects the switches of the page with the chart, which Vega draws.

const specification = JSON.parse(document.getElementById("specification").textContent);
const widths = JSON.parse(document.getElementById("widths").textContent);
const controls = document.getElementById("controls");
const slider = document.getElementById("smoothing");
const shared = specification.layer[0].encoding; // whose scales all layers share
const parameter = (name) => specification.params.find((param) => param.name === name);
const linearLoss = shared.y.scale.domain;
let view;

const chosen = (name) => [...controls.querySelectorAll(`[name=${name}]:checked`)].map((box) => box.value);
const unchosen = (name) => [...controls.querySelectorAll(`[name=${name}]:not(:checked)`)].map((box) => box.value);

function showChoice() {
  const width = widths[slider.value];
  document.getElementById("smoothed").textContent = width ? `${width} decades` : "none";
  slider.setAttribute("aria-valuetext", width ? `over ${width} decades of the rate` : "none");
  view.signal("smoothing", width);
  view.signal("hidden", unchosen("run").map(Number));
  view.signal("rules", chosen("rule"));
  view.signal("parts", chosen("part"));
  return view.runAsync();
}

async function draw() {
  const axes = chosen("axis");
  parameter("logarithmic").value = axes.includes("x");
  shared.x.scale.type = axes.includes("x") ? "log" : "linear";
  shared.y.scale.type = axes.includes("y") ? "log" : "linear";
  const losses = specification.datasets.lines.map((row) => row.loss);
  shared.y.scale.domain = axes.includes("y") ? [0.9 * Math.min(...losses), linearLoss[1]] : linearLoss;
  view?.finalize();
  const options = {
    mode: "vega-lite",
    actions: false,
    renderer: "svg",
    tooltip: { theme: "custom" },
    // The tooltip of the nearest point has numbers only: a text comes out undefined.
    expressionFunctions: { nameOf: (run) => specification.usermeta.names[run] },
  };
  ({ view } = await vegaEmbed("#chart", structuredClone(specification), options));
  await showChoice();
}

function zoom(factor) {
  for (const [axis, field] of [["x", "lr"], ["y", "loss"]]) {
    const scale = view.scale(axis);
    const isLog = shared[axis].scale.type === "log";
    const [low, high] = scale.domain().map((end) => (isLog ? Math.log(end) : end));
    const [middle, half] = [(low + high) / 2, (high - low) / 2 / factor];
    view.signal(`zoom_${field}`, [middle - half, middle + half].map((end) => (isLog ? Math.exp(end) : end)));
  }
  return view.runAsync();
}

slider.max = widths.length - 1;
slider.value = widths.indexOf(parameter("smoothing").value);
controls.hidden = false;
controls.addEventListener("submit", (event) => event.preventDefault());
controls.addEventListener("input", (event) => (event.target.name === "axis" ? draw() : showChoice()));
document.getElementById("zoom-in").addEventListener("click", () => zoom(1.5));
document.getElementById("zoom-out").addEventListener("click", () => zoom(1 / 1.5));
document.getElementById("reset").addEventListener("click", draw);
draw();
