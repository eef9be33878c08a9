// An answer on the page: as a table, as it came over the wire, as a chart, as a map of links.

import { chart, numberColumns } from "./chart.js";
import { count, el } from "./dom.js";
import { hasLinks, linkMap } from "./links.js";
import { isNumber, readTriples } from "./terms.js";

const PAGE = 200; // rows shown at once
const TEXT = 300_000; // characters of an answer shown as it came

// Reads what the endpoint sent. `type` is its media type.
export function readAnswer(body, type) {
  if (type.includes("json")) {
    const said = JSON.parse(body);
    if ("boolean" in said) return { boolean: said.boolean, raw: JSON.stringify(said, null, 1), columns: [], rows: [] };
    return { columns: said.head.vars ?? [], rows: said.results.bindings, raw: JSON.stringify(said, null, 1) };
  }
  const { head, results } = readTriples(body);
  return { graph: true, columns: head.vars, rows: results.bindings, raw: body };
}

// The ways an answer can be shown: [name, title, draw].
export function viewsOf(answer, naming) {
  const views = [];
  if (answer.boolean !== undefined) views.push(["table", "Answer", () => el("p", { class: "figure" }, answer.boolean ? "yes" : "no")]);
  else views.push(["table", "Table", () => table(answer, naming)]);
  if (answer.rows.length && numberColumns(answer).length) views.push(["chart", "Chart", () => chart(answer, naming)]);
  if (answer.rows.length && hasLinks(answer)) views.push(["map", "Map of links", () => linkMap(answer, naming)]);
  views.push(["text", answer.graph ? "N-Triples" : "JSON", () => text(answer)]);
  return views;
}

function table({ columns, rows }, naming) {
  if (!rows.length) return el("p", {}, "The answer has no rows: nothing in the graph fits the whole pattern.");
  const body = el("tbody");
  const caption = el("caption");
  const more = el("button", { type: "button", class: "plain", onclick: () => show() });
  let shown = 0;
  function show() {
    const part = rows.slice(shown, shown + PAGE);
    body.append(...part.map((row) => el("tr", {}, columns.map((name) => el("td", { class: isNumber(row[name]) ? "number" : null }, naming.cell(row[name]))))));
    shown += part.length;
    caption.textContent = `${count(rows.length, "row")}${shown < rows.length ? `, of which the first ${shown.toLocaleString("en")} are shown` : ""}.`;
    more.textContent = `Show ${Math.min(PAGE, rows.length - shown)} more`;
    more.hidden = shown >= rows.length;
  }
  show();
  return el(
    "div", {},
    el(
      "div", { class: "scroll", role: "region", "aria-label": "Rows of the answer", tabindex: "0" },
      el("table", {}, caption, el("thead", {}, el("tr", {}, columns.map((name) => el("th", { scope: "col", class: rows.some((row) => isNumber(row[name])) ? "number" : null }, name)))), body),
    ),
    more,
  );
}

function text({ raw }) {
  return el(
    "div", {},
    el("pre", { tabindex: "0", role: "region", "aria-label": "The answer as it came" }, raw.slice(0, TEXT)),
    raw.length > TEXT && el("p", { class: "notice" }, "The rest is in the files below."),
  );
}
