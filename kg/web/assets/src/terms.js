// RDF terms as SPARQL JSON writes them: how they are called, where they lead, how N-Triples are read into them.

import { el } from "./dom.js";

const XSD = "http://www.w3.org/2001/XMLSchema#";
const NUMBERS = new Set(
  ["integer", "decimal", "double", "float", "long", "int", "short", "nonNegativeInteger", "positiveInteger"].map(
    (name) => XSD + name,
  ),
);
const MOMENTS = new Set(["date", "dateTime", "gYear", "gYearMonth"].map((name) => XSD + name));

export class Naming {
  constructor(base, root, prefixes = {}) {
    this.base = base;
    this.root = root;
    this.know(prefixes);
  }

  know(prefixes) {
    this.prefixes = prefixes;
    this.namespaces = Object.entries(prefixes).sort((a, b) => b[1].length - a[1].length);
  }

  // The short name of an IRI that a query may hold, or null.
  curie(iri) {
    for (const [prefix, namespace] of this.namespaces) {
      const rest = iri.startsWith(namespace) ? iri.slice(namespace.length) : "";
      if (/^[A-Za-z_][\w-]*$/.test(rest)) return `${prefix}:${rest}`;
    }
    return null;
  }

  text(iri) {
    const short = this.curie(iri);
    if (short) return short;
    return iri.startsWith(this.base) ? iri.slice(this.base.length).replace(/^id\//, "") : iri;
  }

  // Where a click leads: the page here of what is ours, an address of the web, or nowhere (javascript: and its kin).
  href(iri) {
    if (iri.startsWith(this.base)) {
      const [path, fragment] = iri.slice(this.base.length).split(/#(.*)/s);
      const tail = fragment === undefined ? "" : `#${encodeURIComponent(fragment)}`;
      if (/^(id|concept|graph)\//.test(path)) return `${this.root}/page/${escaped(path.replace(/^id\//, ""))}${tail}`;
      if (/^ontology(\/|$)/.test(path)) return `${this.root}/${escaped(path)}${tail}`;
    }
    return /^https?:\/\//i.test(iri) ? iri : null;
  }

  cell(term) {
    if (!term) return el("span", { class: "none" }, "–");
    if (term.type === "uri") return this.link(term.value);
    if (term.type === "bnode") return el("span", {}, `_:${term.value}`);
    if (term.type === "triple") return el("span", {}, JSON.stringify(term.value));
    const language = term["xml:lang"];
    const datatype = term.datatype && term.datatype !== `${XSD}string` ? this.text(term.datatype) : null;
    const plain = isNumber(term) || isMoment(term) || term.datatype === `${XSD}boolean`;
    return el(
      "span",
      { lang: language, title: plain ? datatype : null },
      term.datatype === `${XSD}anyURI` ? this.link(term.value, term.value) : term.value,
      language && [" ", el("small", { class: "tag" }, language)],
      datatype && !plain && datatype !== "xsd:anyURI" && [" ", el("small", { class: "tag" }, datatype)],
    );
  }

  link(iri, text = this.text(iri)) {
    const href = this.href(iri);
    if (!href) return el("span", { title: iri }, text);
    return el("a", { href, title: iri, rel: href === iri ? "noreferrer" : null }, text);
  }
}

// Escapes what may not stand in a path as it is; the percent sign too, because an IRI is what it is letter by letter.
const escaped = (path) => path.replace(/[^A-Za-z0-9/:@!$&'()*+,;=\-._~]+/g, (part) => encodeURIComponent(part));

export const isNumber = (term) => term?.type === "literal" && NUMBERS.has(term.datatype);
export const isMoment = (term) => term?.type === "literal" && MOMENTS.has(term.datatype);

// One line of N-Triples, after the subject.
const TRIPLE = /^(<[^>]*>|_:\S+)\s+<([^>]*)>\s+(<[^>]*>|_:\S+|"(?:[^"\\]|\\.)*"(?:@[\w-]+|\^\^<[^>]*>)?)\s*\.\s*$/;
const ESCAPES = { t: "\t", b: "\b", n: "\n", r: "\r", f: "\f" };

// Reads N-Triples into an answer of three columns, as a SELECT of them would be.
export function readTriples(text) {
  const bindings = [];
  for (const line of text.split("\n")) {
    const found = TRIPLE.exec(line);
    if (found) bindings.push({ subject: read(found[1]), predicate: read(`<${found[2]}>`), object: read(found[3]) });
  }
  return { head: { vars: ["subject", "predicate", "object"] }, results: { bindings } };
}

function read(text) {
  if (text[0] === "<") return { type: "uri", value: unescaped(text.slice(1, -1)) };
  if (text[0] === "_") return { type: "bnode", value: text.slice(2) };
  const end = text.lastIndexOf('"');
  const term = { type: "literal", value: unescaped(text.slice(1, end)) };
  const tail = text.slice(end + 1);
  if (tail[0] === "@") term["xml:lang"] = tail.slice(1);
  else if (tail) term.datatype = tail.slice(3, -1);
  return term;
}

const unescaped = (text) =>
  text.replace(/\\(?:u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8})|(.))/g, (_, four, eight, one) =>
    one === undefined ? String.fromCodePoint(parseInt(four ?? eight, 16)) : (ESCAPES[one] ?? one),
  );
