// Elements from values. Text becomes text nodes and nothing else: no label of the data is ever read as markup.

const SVG = "http://www.w3.org/2000/svg";

function filled(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (typeof value === "function") node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

export const el = (tag, attributes, ...children) => filled(document.createElement(tag), attributes, children);

export const svg = (tag, attributes, ...children) => filled(document.createElementNS(SVG, tag), attributes, children);

let made = 0;

// A label with its select. `options` are [value, text] pairs.
export function choice(text, options, chosen, change) {
  const id = `choice-${(made += 1)}`;
  const select = el(
    "select",
    { id, onchange: (event) => change(event.target.value) },
    options.map(([value, shown]) => el("option", { value, selected: value === chosen }, shown)),
  );
  return [el("label", { for: id }, text), select];
}

export const count = (n, one) => `${n.toLocaleString("en")} ${one}${n === 1 ? "" : "s"}`;
