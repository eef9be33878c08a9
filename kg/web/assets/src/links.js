// An answer as a map of links: its things as nodes, and a line between two that stand beside each other in a row.

import { forceLink, forceManyBody, forceSimulation, forceX, forceY } from "d3-force";
import { count, el, svg } from "./dom.js";

const NODES = 120;
const STEPS = 300;

const thingColumns = ({ columns, rows }) => columns.filter((name) => rows.some((row) => row[name]?.type === "uri"));

export function hasLinks(answer) {
  return answer.graph ? answer.rows.some((row) => row.object?.type === "uri") : thingColumns(answer).length > 1;
}

function linksOf(answer, naming) {
  const nodes = new Map();
  const edges = new Map();
  const left = new Set();
  const node = (iri, label) => {
    if (!nodes.has(iri)) {
      if (nodes.size >= NODES) {
        left.add(iri);
        return false;
      }
      nodes.set(iri, { id: iri, label: naming.text(iri) });
    }
    if (label) nodes.get(iri).label = label;
    return true;
  };
  const edge = (source, target, said) => {
    const key = `${source}\0${target}`;
    if (!edges.has(key)) edges.set(key, { source, target, said: new Set() });
    edges.get(key).said.add(said);
  };
  if (answer.graph) {
    for (const { subject, predicate, object } of answer.rows) {
      if (object.type !== "uri" || subject.type !== "uri") continue;
      if (predicate.value.endsWith("#type")) continue;
      if (node(subject.value) && node(object.value)) edge(subject.value, object.value, naming.text(predicate.value));
    }
    for (const { subject, predicate, object } of answer.rows) {
      if (object.type === "literal" && /[#/](name|label|prefLabel|title)$/.test(predicate.value) && nodes.has(subject.value))
        nodes.get(subject.value).label = object.value;
    }
  } else {
    const columns = thingColumns(answer);
    for (const row of answer.rows) {
      const present = columns.filter((name) => row[name]?.type === "uri");
      const kept = present.filter((name) => {
        const label = row[`${name}Label`] ?? row[`${name}Name`] ?? (name === columns[0] ? row.name ?? row.label : null);
        return node(row[name].value, label?.type === "literal" ? label.value : null);
      });
      for (let i = 1; i < kept.length; i += 1) edge(row[kept[i - 1]].value, row[kept[i]].value, kept[i]);
    }
  }
  return { nodes: [...nodes.values()], edges: [...edges.values()].map((e) => ({ ...e, said: [...e.said].join(", ") })), left: left.size };
}

// A force that moves nodes up and down until no label lies on another. A node is as wide as its label.
function keepLabelsApart() {
  const wide = (node) => 22 + 7.6 * Math.min(28, node.label.length);
  let nodes = [];
  const force = () => {
    for (const [i, one] of nodes.entries()) {
      for (const other of nodes.slice(i + 1)) {
        const [left, right] = one.x < other.x ? [one, other] : [other, one];
        const [above, below] = one.y < other.y ? [one, other] : [other, one];
        const missing = 20 - (below.y - above.y);
        if (missing <= 0 || right.x - left.x >= wide(left)) continue;
        above.y -= missing / 2;
        below.y += missing / 2;
      }
    }
  };
  force.initialize = (given) => (nodes = given);
  return force;
}

export function linkMap(answer, naming) {
  const { nodes, edges, left } = linksOf(answer, naming);
  // Worked out whole before it is drawn: nothing on the page moves.
  forceSimulation(nodes)
    .force("link", forceLink(edges).id((node) => node.id).distance(100))
    .force("charge", forceManyBody().strength(-340).distanceMax(240))
    .force("labels", keepLabelsApart())
    .force("x", forceX().strength(0.09)) // narrow rather than low: pages scroll down
    .force("y", forceY().strength(0.05))
    .stop()
    .tick(STEPS);
  const xs = nodes.map((node) => node.x);
  const ys = nodes.map((node) => node.y);
  const [x, y] = [Math.min(...xs) - 30, Math.min(...ys) - 24];
  const [width, height] = [Math.max(...xs) - x + 230, Math.max(...ys) - y + 24];
  const short = (text) => (text.length > 28 ? `${text.slice(0, 27)}…` : text);
  const picture = svg(
    "svg",
    { class: "links", viewBox: [x, y, width, height].map(Math.round).join(" "), width: Math.round(width), height: Math.round(height), role: "group", "aria-label": "Map of links" },
    edges.map((edge) => svg("path", { d: `M${edge.source.x} ${edge.source.y}L${edge.target.x} ${edge.target.y}` }, svg("title", {}, `${edge.source.label} – ${edge.said} – ${edge.target.label}`))),
    nodes.map((node) => {
      const href = naming.href(node.id);
      return svg(
        href ? "a" : "g", { href, "aria-label": node.label },
        svg("title", {}, node.id),
        svg("circle", { cx: node.x, cy: node.y, r: 5 }),
        svg("text", { x: node.x + 9, y: node.y + 4 }, short(node.label)),
      );
    }),
  );
  return el(
    "div", {},
    el("p", { class: "hint" }, `${count(nodes.length, "thing")}, ${count(edges.length, "link")}.`, left > 0 && ` ${count(left, "more thing")} in the table.`),
    el("div", { class: "scroll", role: "region", "aria-label": "Map of links", tabindex: "0" }, picture),
  );
}
