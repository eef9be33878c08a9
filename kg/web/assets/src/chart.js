// An answer as a chart: bars of one number by a name, or lines of one number over time. Drawn as SVG, read as a table.

import { choice, count, el, svg } from "./dom.js";
import { isMoment, isNumber } from "./terms.js";

const BARS = 50;
const SERIES = 6;

// What an answer could be drawn from: the columns of numbers, or none.
export function numberColumns({ columns, rows }) {
  return columns.filter((name) => rows.some((row) => row[name]) && rows.every((row) => !row[name] || isNumber(row[name])));
}

export function chart(answer, naming) {
  const { columns, rows } = answer;
  const numbers = numberColumns(answer);
  const year = (name) => rows.every((row) => !row[name] || isMoment(row[name]) || /^\d{4}(-Q[1-4])?$/.test(row[name].value));
  const name = (term) => (term ? (term.type === "uri" ? naming.text(term.value) : term.value) : "–");
  const others = (y) => columns.filter((column) => column !== y);
  // The number that varies is the one to look at: a year or a month seldom is.
  const y0 = numbers.findLast((column) => !year(column)) ?? numbers.at(-1);
  const named = others(y0).filter((column) => rows.some((row) => row[column]?.type === "literal" && !isNumber(row[column])));
  const state = { y: y0, x: others(y0).find(year) ?? named[0] ?? others(y0)[0] ?? y0, by: "" };
  // Several numbers at one moment are several lines.
  const moments = rows.map((row) => row[state.x]?.value);
  if (year(state.x) && new Set(moments).size < moments.length) state.by = others(state.y).find((column) => column !== state.x) ?? "";
  const drawing = el("div", { class: "scroll", role: "region", "aria-label": "Chart", tabindex: "0" });
  const controls = el("p", { class: "controls" });

  function show() {
    const over = others(state.y).length > 0 && year(state.x);
    const pairs = (list) => list.map((column) => [column, column]);
    controls.replaceChildren(
      ...choice("Number", pairs(numbers), state.y, (value) => set({ y: value })),
      ...choice(over ? "over" : "for each", pairs(columns), state.x, (value) => set({ x: value })),
      ...(over ? choice("by", [["", "nothing"], ...pairs(others(state.y).filter((c) => c !== state.x))], state.by, (value) => set({ by: value })) : []),
    );
    drawing.replaceChildren(...(over ? lines(rows, state, name) : bars(rows, state, name)));
  }
  function set(change) {
    Object.assign(state, change);
    if (state.by === state.x || state.by === state.y) state.by = "";
    show();
  }
  show();
  return el("div", {}, controls, drawing);
}

// As wide as the page has room for: a chart on a phone is drawn for a phone.
const room = () => Math.max(300, Math.min(900, document.querySelector("main").clientWidth));
const number = (term) => Number(term.value);
const shown = (value) => value.toLocaleString("en", { maximumFractionDigits: 2 });

function bars(rows, { x, y }, name) {
  const all = rows.filter((row) => row[y]);
  const drawn = all.slice(0, BARS);
  const most = Math.max(0, ...drawn.map((row) => number(row[y])));
  const least = Math.min(0, ...drawn.map((row) => number(row[y])));
  const width = room();
  const left = Math.min(290, width * 0.42);
  const letters = Math.floor(left / 8.6);
  const scale = (width - left - 70) / (most - least || 1);
  const zero = left - least * scale;
  const picture = svg(
    "svg",
    {
      class: "chart", viewBox: `0 0 ${width} ${drawn.length * 24 + 8}`, width, height: drawn.length * 24 + 8,
      role: "img", "aria-label": `${y} for each ${x}: ${count(drawn.length, "bar")}, from ${shown(least)} to ${shown(most)}; the table has every number`,
    },
    drawn.map((row, i) => {
      const value = number(row[y]);
      const text = name(row[x]);
      const at = 4 + i * 24;
      return svg(
        "g", {},
        svg("title", {}, `${text}: ${shown(value)}`),
        svg("text", { x: left - 8, y: at + 15, "text-anchor": "end" }, text.length > letters ? `${text.slice(0, letters - 1)}…` : text),
        svg("rect", { class: "s0", x: Math.min(zero, zero + value * scale), y: at, width: Math.max(1, Math.abs(value) * scale), height: 18 }),
        svg("text", { class: "quiet", x: Math.max(zero, zero + value * scale) + 6, y: at + 15 }, shown(value)),
      );
    }),
  );
  const note = all.length > BARS && el("p", { class: "hint" }, `The first ${BARS} of ${count(all.length, "row")}.`);
  return [picture, note].filter(Boolean);
}

function lines(rows, { x, y, by }, name) {
  const points = rows
    .filter((row) => row[x] && row[y])
    .map((row) => ({ at: moment(row[x].value), said: row[x].value, value: number(row[y]), series: by ? name(row[by]) : y }))
    .filter((point) => Number.isFinite(point.at));
  const sums = new Map();
  for (const point of points) sums.set(point.series, (sums.get(point.series) ?? 0) + Math.abs(point.value));
  const names = [...sums].sort((a, b) => b[1] - a[1]).map(([series]) => series);
  const drawn = names.slice(0, SERIES);
  const [first, last] = [Math.min(...points.map((p) => p.at)), Math.max(...points.map((p) => p.at))];
  const most = Math.max(0, ...points.map((point) => point.value));
  const least = Math.min(0, ...points.map((point) => point.value));
  const width = room();
  const [left, right, top, bottom, height] = [70, width - 20, 12, 268, 300];
  const px = (at) => left + ((at - first) / (last - first || 1)) * (right - left);
  const py = (value) => bottom - ((value - least) / (most - least || 1)) * (bottom - top);
  const steps = [0, 0.25, 0.5, 0.75, 1].map((part) => least + part * (most - least));
  const years = [...new Set(points.map((point) => new Date(point.at).getUTCFullYear()))].sort();
  const every = Math.ceil(years.length / (width / 80));
  const picture = svg(
    "svg",
    {
      class: "chart", viewBox: `0 0 ${width} ${height}`, width, height,
      role: "img", "aria-label": `${y} over ${x}: ${count(points.length, "point")} in ${drawn.length} lines, from ${shown(least)} to ${shown(most)}; the table has every number`,
    },
    steps.map((value) => [
      svg("path", { class: "grid", d: `M${left} ${py(value)}H${right}` }),
      svg("text", { class: "quiet", x: left - 8, y: py(value) + 4, "text-anchor": "end" }, shown(value)),
    ]).flat(),
    years.filter((_, i) => i % every === 0).map((year) => {
      const at = Math.max(first, Date.UTC(year, 0));
      return svg("text", { class: "quiet", x: px(at), y: bottom + 20, "text-anchor": "middle" }, String(year));
    }),
    drawn.map((series, i) => {
      const line = points.filter((point) => point.series === series).sort((a, b) => a.at - b.at);
      return svg(
        "g", {},
        svg("path", { class: `line s${i}`, d: line.map((p, k) => `${k ? "L" : "M"}${px(p.at)} ${py(p.value)}`).join("") }),
        line.map((p) => svg("circle", { class: `s${i}`, cx: px(p.at), cy: py(p.value), r: 3 }, svg("title", {}, `${series}, ${p.said}: ${shown(p.value)}`))),
      );
    }),
  );
  const legend = drawn.length > 1 && el(
    "ul", { class: "legend" },
    drawn.map((series, i) => el("li", {}, svg("svg", { width: 24, height: 12, "aria-hidden": "true", class: "chart" }, svg("path", { class: `line s${i}`, d: "M0 6H24" })), " ", series)),
  );
  const note = names.length > SERIES && el("p", { class: "hint" }, `The ${SERIES} largest of ${names.length} lines.`);
  return [picture, legend, note].filter(Boolean);
}

function moment(text) {
  const quarter = /^(\d{4})-Q([1-4])$/.exec(text);
  if (quarter) return Date.UTC(Number(quarter[1]), 3 * (Number(quarter[2]) - 1));
  return Date.parse(/^\d{4}$/.test(text) ? `${text}-01-01` : text);
}
