"use strict";
// Draws each plot when it comes near the view, in the colours of the page.
(() => {
  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const axes = (layout) => Object.keys(layout).filter((key) => /^[xy]axis\d*$/.test(key));
  const theme = (layout) => {
    const look = {
      "paper_bgcolor": "rgba(0,0,0,0)", "plot_bgcolor": "rgba(0,0,0,0)", "font.color": colour("--front"),
      "hoverlabel.bgcolor": colour("--card"), "hoverlabel.font.color": colour("--front"),
      "hoverlabel.bordercolor": colour("--line"),
    };
    for (const axis of axes(layout)) {
      look[`${axis}.gridcolor`] = colour("--line");
      look[`${axis}.zerolinecolor`] = colour("--soft");
      look[`${axis}.linecolor`] = colour("--line");
    }
    return look;
  };
  const set = (object, path, value) => {
    const keys = path.split(".");
    const last = keys.pop();
    for (const key of keys) object = object[key] ??= {};
    object[last] = value;
  };
  const drawn = new Set();
  const draw = (element) => {
    if (drawn.has(element) || element.offsetParent === null) return;
    drawn.add(element);
    const { data, layout } = JSON.parse(element.querySelector("script").textContent);
    for (const [path, value] of Object.entries(theme(layout))) set(layout, path, value);
    element.replaceChildren();
    Plotly.newPlot(element, data, layout, { responsive: true, displayModeBar: false });
  };
  const observer = new IntersectionObserver(
    (entries) => entries.filter((entry) => entry.isIntersecting).forEach((entry) => draw(entry.target)),
    { rootMargin: "400px" },
  );
  document.querySelectorAll(".plot").forEach((element) => observer.observe(element));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
    drawn.forEach((element) => Plotly.relayout(element, theme(element.layout)));
  });
  addEventListener("beforeprint", () => document.querySelectorAll(".plot").forEach(draw));
  document.querySelectorAll(".choice").forEach((choice) => {
    const options = choice.querySelectorAll(".option");
    choice.querySelector("select").addEventListener("change", (event) => {
      options.forEach((option, index) => { option.hidden = index !== Number(event.target.value); });
    });
  });
})();
