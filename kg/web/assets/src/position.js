// What may stand at the cursor: reads the tokens before it as far as completion needs, and no further.

const TOKEN =
  /#[^\n]*|<[^<>"{}|^`\\\s]*>|"""[\s\S]*?"""|'''[\s\S]*?'''|"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|[?$]\w+|@[A-Za-z-]+|\^\^|[A-Za-z_][\w-]*:[\w.%-]*[\w%-]|[\w-]*:|[A-Za-z_]\w*|[+-]?[\d.]+(?:e[+-]?\d+)?|&&|\|\||[^\s]/gi;
const WORD = /(?:[?$]\w*|[A-Za-z_][\w-]*(?::[\w.-]*)?|:[\w.-]*)$/;

// Gives { word, from, place, class }: the word that is being written and where, `place` one of
// prefix, subject, predicate, object, expression and outside; `class` when a class is wanted there.
export function positionAt(text, offset) {
  const before = text.slice(0, offset);
  const found = WORD.exec(before);
  const from = found ? offset - found[0].length : offset;
  const state = reading(before.slice(0, from));
  return state && { ...state, from, word: before.slice(from) };
}

// Null where nothing can be completed: inside a comment, a string or an IRI.
function reading(text) {
  const line = text.slice(text.lastIndexOf("\n") + 1).replace(/<[^<>\s]*>/g, "");
  if (/^[^"']*#/.test(line) || (line.match(/"/g) ?? []).length % 2 || /<[^\s<>]*$/.test(line)) return null;
  const stack = [];
  let place = "outside";
  let wantsClass = false;
  let last = "";
  for (const [token] of text.matchAll(TOKEN)) {
    if (token[0] === "#") continue;
    const word = token.toUpperCase();
    if (token === "{" || token === "[") {
      stack.push([token, place]);
      place = token === "{" ? "subject" : "predicate";
    } else if (token === "}" || token === "]") {
      const [, outer] = stack.pop() ?? [];
      place = token === "}" ? (stack.length ? "subject" : "outside") : next(outer);
    } else if (token === "(") {
      stack.push([token, place]);
      place = place === "predicate" ? "predicate" : "expression";
    } else if (token === ")") {
      const [, outer] = stack.pop() ?? [];
      place = outer === "predicate" ? "object" : outer === "expression" ? "expression" : outer === "object" ? "end" : (outer ?? "outside");
    } else if (place === "expression" || place === "outside") {
      if (stack.length === 0) place = "outside";
    } else if (token === ".") place = "subject";
    else if (token === ";") place = "predicate";
    else if (token === ",") place = "object";
    else if ("/|^!".includes(token)) place = "predicate";
    else if ("*+?".includes(token) || token[0] === "@" || token === "^^") continue;
    else if (/^[A-Z_]\w*$/i.test(token) && token !== "a" && word !== "TRUE" && word !== "FALSE") place = "subject";
    else {
      const type = place === "predicate" && (token === "a" || /^rdf:type$|^rdfs:subClassOf$/.test(token));
      wantsClass = type || (wantsClass && place !== "predicate" && place !== "subject");
      place = next(place);
    }
    last = word;
  }
  if (last === "PREFIX") return { place: "prefix", class: false };
  return { place, class: wantsClass && place === "object" };
}

const next = (place) => ({ subject: "predicate", predicate: "object", object: "end" })[place] ?? place;
