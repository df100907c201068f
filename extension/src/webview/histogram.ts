// Chart.js: released often, no dependency that runs, tree-shaken to what a bar chart needs, draws on
// a canvas and injects no style, so that the page's policy can stay strict.
import { BarController, BarElement, Chart, LinearScale, Tooltip } from "chart.js";

import type { Interval } from "../protocol.js";
import { el } from "./dom.js";
import { duration, timeUnit } from "./units.js";

Chart.register(BarController, BarElement, LinearScale, Tooltip);

const MOST_BINS = 48;
const FEWEST_BINS = 8;
const FENCE = 5; // quartile distances above the third quartile

interface Bins {
  readonly low: number;
  readonly width: number;
  readonly centres: readonly number[];
  readonly counts: readonly number[];
  /** Samples right of what is drawn. */
  readonly beyond: number;
}

/** Freedman and Diaconis' bins; a long tail is counted, not drawn, or it would flatten the rest. */
export function binned(samples: readonly number[]): Bins {
  const sorted = [...samples].sort((a, b) => a - b);
  const low = quantile(sorted, 0);
  const spread = quantile(sorted, 0.75) - quantile(sorted, 0.25);
  const fence = Math.max(quantile(sorted, 0.75) + FENCE * spread, quantile(sorted, 0.95));
  const high = Math.min(quantile(sorted, 1), fence);
  const range = high - low || low * 0.01 || 1e-9;
  const ideal = (2 * spread) / Math.cbrt(sorted.length);
  const bins = Math.round(Math.min(MOST_BINS, Math.max(FEWEST_BINS, ideal > 0 ? range / ideal : 0)));
  const width = range / bins;
  const counts = Array.from({ length: bins }, () => 0);
  let beyond = 0;
  for (const sample of sorted) {
    const bin = Math.min(Math.floor((sample - low) / width), bins - 1);
    if (sample > high) beyond += 1;
    else counts[bin] = (counts[bin] ?? 0) + 1;
  }
  return { low, width, centres: counts.map((_, bin) => low + (bin + 0.5) * width), counts, beyond };
}

function quantile(sorted: readonly number[], share: number): number {
  return sorted[Math.round((sorted.length - 1) * share)] ?? 0;
}

function colour(name: string, otherwise: string): string {
  const value = getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  return value === "" ? otherwise : value;
}

/** How the samples are distributed, with the median and its confidence interval. */
export function histogram(samples: readonly number[], interval: Interval): HTMLElement {
  const { low, centres, counts, beyond, width } = binned(samples);
  const [size, unit] = timeUnit(interval.median);
  const canvas = el("canvas", "");
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", `Distribution of ${samples.length} samples around ${duration(interval.median)}`);
  const text = colour("--vscode-descriptionForeground", "#888");
  const grid = colour("--vscode-editorIndentGuide-background1", "rgba(128,128,128,0.2)");
  // the chart measures its parent, so it is made once the page holds it
  requestAnimationFrame(() => {
    new Chart(canvas, {
      type: "bar",
      data: {
        datasets: [
          {
            data: centres.map((x, bin) => ({ x: x / size, y: counts[bin] ?? 0 })),
            backgroundColor: colour("--vscode-charts-blue", "#3794ff"),
            barPercentage: 1,
            categoryPercentage: 0.96,
            grouped: false,
          },
        ],
      },
      plugins: [marks(interval, size)],
      options: {
        animation: false,
        maintainAspectRatio: false,
        font: { family: colour("--vscode-font-family", "sans-serif") },
        plugins: {
          tooltip: {
            displayColors: false,
            callbacks: {
              title: ([item]) => duration((item?.parsed.x ?? 0) * size),
              label: (item) => `${item.parsed.y ?? 0} samples within ${duration(width)}`,
            },
          },
        },
        scales: {
          x: {
            type: "linear",
            offset: false,
            min: Math.min(low, interval.low) / size,
            max: Math.max(low + width * counts.length, interval.high) / size,
            grid: { display: false },
            border: { color: grid },
            ticks: { color: text, maxTicksLimit: 7, includeBounds: false },
            title: { display: true, text: unit, color: text },
          },
          y: {
            grid: { color: grid },
            border: { display: false },
            ticks: { color: text, maxTicksLimit: 5, precision: 0 },
            title: { display: true, text: "samples", color: text },
          },
        },
      },
    });
  });
  const tail = beyond > 0 ? `${beyond} slower ${beyond === 1 ? "sample is" : "samples are"} beyond the right edge` : "";
  return el("figure", "", el("div", "chart", canvas), el("figcaption", "", tail));
}

/** The median as a line, its confidence interval as a band behind it. */
function marks(interval: Interval, size: number) {
  return {
    id: "median",
    beforeDatasetsDraw(chart: Chart) {
      const x = chart.scales["x"];
      if (!x) return;
      const { ctx, chartArea } = chart;
      const [low, median, high] = [interval.low, interval.median, interval.high].map((value) => x.getPixelForValue(value / size));
      if (low === undefined || median === undefined || high === undefined) return;
      const accent = colour("--vscode-charts-yellow", "#cca700");
      ctx.save();
      ctx.fillStyle = accent;
      ctx.globalAlpha = 0.25;
      ctx.fillRect(low, chartArea.top, Math.max(high - low, 1), chartArea.height);
      ctx.restore();
    },
    afterDatasetsDraw(chart: Chart) {
      const x = chart.scales["x"];
      if (!x) return;
      const { ctx, chartArea } = chart;
      const median = x.getPixelForValue(interval.median / size);
      ctx.save();
      ctx.strokeStyle = colour("--vscode-charts-yellow", "#cca700");
      ctx.lineWidth = 2;
      ctx.beginPath();
      ctx.moveTo(median, chartArea.top);
      ctx.lineTo(median, chartArea.bottom);
      ctx.stroke();
      ctx.restore();
    },
  };
}
