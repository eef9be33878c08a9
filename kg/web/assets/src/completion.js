// Completion from this graph's own terms and labels: prefixes, classes, properties, variables, and things by name.

import { positionAt } from "./position.js";

const MOST = 60;
const KEYWORDS = (
  "SELECT DISTINCT WHERE OPTIONAL FILTER UNION MINUS GRAPH VALUES BIND AS ORDER BY GROUP HAVING LIMIT OFFSET " +
  "CONSTRUCT DESCRIBE ASK PREFIX BASE FROM NAMED EXISTS NOT IN ASC DESC"
).split(" ");
const FUNCTIONS = (
  "COUNT SUM AVG MIN MAX SAMPLE GROUP_CONCAT STR LANG LANGMATCHES DATATYPE BOUND IRI CONCAT STRLEN SUBSTR UCASE LCASE " +
  "CONTAINS STRSTARTS STRENDS STRBEFORE STRAFTER YEAR MONTH DAY REGEX REPLACE COALESCE IF ABS ROUND ISIRI ISBLANK " +
  "ISLITERAL xsd:integer xsd:decimal xsd:date xsd:dateTime"
).split(" ");

// `words` gives { prefixes, terms } once they are here; `suggest` finds things by name (a promise of a list).
export function completions({ words, naming, suggest }) {
  return async (context) => {
    const text = context.state.doc.toString();
    const here = positionAt(text, context.pos);
    if (!here || (!here.word && !context.explicit)) return null;
    const { prefixes, terms } = await words;
    const { word, from, place } = here;
    if (place === "prefix") return { from, options: prefixOptions(prefixes, word), filter: false };
    if (/^[?$]/.test(word)) return { from, options: variables(text, context.pos), validFor: /^[?$]\w*$/ };
    const options = [];
    if (place === "predicate") {
      if (!word || word === "a") options.push({ label: "a", detail: "is of the class", boost: 99 });
      options.push(...ranked(terms.filter((term) => term.kind === "property"), word, naming, text));
    } else if (place === "object" || place === "subject") {
      options.push(...ranked(terms.filter((term) => term.kind === "class"), word, naming, text));
      if (!here.class) options.push(...(await things(suggest, word, text, naming, context)));
    }
    if (place !== "predicate" && !here.class) options.push(...keywords(word, place));
    if (place !== "outside" && !here.class && !word) options.push(...variables(text, context.pos));
    if (!options.length && word) options.push(...prefixOptions(prefixes, word, true));
    // Ordered here, because names are matched too and not only what is inserted.
    return options.length ? { from, options: options.slice(0, MOST), filter: false } : null;
  };
}

function prefixOptions(prefixes, word, used = false) {
  const wanted = word.replace(/:$/, "").toLowerCase();
  return Object.entries(prefixes)
    .filter(([prefix]) => prefix.startsWith(wanted))
    .map(([prefix, namespace]) => ({
      label: `${prefix}:`,
      detail: namespace,
      apply: used ? declaring(prefix, namespace, `${prefix}:`) : `${prefix}: <${namespace}>`,
    }));
}

function variables(text, offset) {
  const names = new Set((text.slice(0, offset).replace(/[?$]\w*$/, "") + text.slice(offset)).match(/[?$]\w+/g) ?? []);
  return [...names].map((label) => ({ label, detail: "variable" }));
}

function keywords(word, place) {
  const wanted = word.toUpperCase();
  const offered = place === "expression" ? [...FUNCTIONS, ...KEYWORDS] : KEYWORDS;
  if (!wanted) return [];
  return offered.filter((label) => label.toUpperCase().startsWith(wanted)).map((label) => ({ label, detail: "keyword" }));
}

// Terms that fit what is written: by short name, local name, or a word of the label. The most used come first.
function ranked(terms, word, naming, text) {
  const wanted = word.toLowerCase();
  const [prefix, rest] = wanted.includes(":") ? wanted.split(/:(.*)/s) : [null, wanted];
  const found = [];
  for (const term of terms) {
    const curie = naming.curie(term.iri);
    if (!curie) continue;
    const [itsPrefix, local] = curie.split(":");
    if (prefix !== null && itsPrefix.toLowerCase() !== prefix) continue;
    const name = local.toLowerCase();
    const label = term.label.toLowerCase();
    const fit = name.startsWith(rest) ? 3 : label.split(/[\s-]+/).some((part) => part.startsWith(rest)) ? 2 : name.includes(rest) ? 1 : 0;
    const whole = prefix === null && itsPrefix.startsWith(rest) && rest ? 1 : 0;
    if (rest === "" || fit || whole) found.push({ term, curie, fit: Math.max(fit, whole) });
  }
  found.sort((a, b) => b.fit - a.fit || b.term.count - a.term.count || (a.curie < b.curie ? -1 : 1));
  return found.slice(0, MOST).map(({ term, curie }) => ({
    label: curie,
    detail: term.count ? `${term.label} · ${term.count.toLocaleString("en")}` : term.label,
    info: term.definition || undefined,
    apply: declaring(curie.split(":")[0], naming.prefixes[curie.split(":")[0]], curie),
  }));
}

async function things(suggest, word, text, naming, context) {
  if (word.length < 2 || word.includes(":")) return [];
  const abort = new AbortController();
  context.addEventListener("abort", () => abort.abort());
  const base = /\bBASE\s*<([^>]*)>/i.exec(text)?.[1];
  return (await suggest(word, abort.signal)).map(({ iri, name, note }) => ({
    label: name,
    detail: note,
    info: iri,
    apply: `<${base && iri.startsWith(base) ? iri.slice(base.length) : iri}>`,
  }));
}

// Writes a name and, where the query does not know its prefix yet, the line that declares it.
function declaring(prefix, namespace, insert) {
  return (view, _, from, to) => {
    const text = view.state.doc.toString();
    const known = new RegExp(`\\bPREFIX\\s+${prefix}:`, "i").test(text);
    const line = known ? "" : `PREFIX ${prefix}: <${namespace}>\n`;
    // After a BASE, which must not come to stand below what it might shorten, else first.
    const at = /^\s*BASE\s*<[^>]*>[ \t]*\n?/i.exec(text)?.[0].length ?? 0;
    view.dispatch({
      changes: [...(line ? [{ from: at, insert: line }] : []), { from, to, insert }],
      selection: { anchor: from + line.length + insert.length },
      userEvent: "input.complete",
    });
  };
}
