// The query editor: makes the plain form of the page into one with completion, answers in place and links to share.
// Without this script the form asks the same address, and the answer is a page.

import { readAnswer, viewsOf } from "./answer.js";
import { Code } from "./code.js";
import { completions } from "./completion.js";
import { count, el } from "./dom.js";
import { Naming } from "./terms.js";

const ACCEPT = "application/sparql-results+json, application/n-triples;q=0.9";
const LARGEST = { rows: 20_000, bytes: 4_000_000 }; // of an answer that is shown here; a larger one is a file
const LONGEST = 16_000; // characters of an address that can be handed on
const FILES = { rows: ["json", "xml", "csv", "tsv"], boolean: ["json", "xml"], graph: ["ttl", "nt", "rdf", "jsonld", "trig", "nq"] };
const DATASET = ["default-graph-uri", "named-graph-uri"];

const form = document.querySelector("form.editor");
if (form) start(form);

function start(form) {
  const { root, base, line, column } = form.dataset;
  const naming = new Naming(base, root);
  const words = ask(`${root}/editor/words.json`).catch(() => ({ prefixes: {}, terms: [], examples: [] }));
  words.then(({ prefixes }) => naming.know(prefixes));

  const area = form.querySelector("textarea");
  const format = form.querySelector("select");
  const button = form.querySelector("button[type=submit]");
  const code = new Code(area, {
    label: "Query in SPARQL 1.1",
    complete: completions({ words, naming, suggest: suggester(root, base) }),
    run: () => run(),
    change: () => (share.hidden = true),
  });
  const status = el("p", { class: "status hint", role: "status" });
  const share = el("button", { type: "button", class: "plain", onclick: copy, hidden: true }, "Copy a link to this");
  button.after(share);
  form.after(status);
  words.then(({ examples }) => examples.length && form.before(exampleList(examples)));

  let view = new URLSearchParams(location.hash.slice(1)).get("view") ?? "table";
  let place = document.querySelector("section[aria-labelledby=answer]");
  let running = null;

  // The page came with its answer, or with what is wrong: begin from there.
  if (line) code.mark({ line: Number(line), column: Number(column), detail: document.querySelector(".problem p")?.textContent ?? "" });
  if (place) {
    share.hidden = false;
    if (view === "table") place.querySelector("h2").after(el("p", { class: "controls" }, el("button", { type: "button", class: "plain", onclick: () => run({ push: false }) }, "Show it as a chart, a map of links or JSON")));
    else run({ push: false });
  }

  form.addEventListener("submit", (event) => {
    if (format.value) return; // the answer as a file is the browser's affair
    event.preventDefault();
    if (running) running.abort();
    else run();
  });
  addEventListener("popstate", () => {
    const query = new URLSearchParams(location.search).get("query");
    view = new URLSearchParams(location.hash.slice(1)).get("view") ?? "table";
    if (query !== null && query !== code.text) {
      code.text = query;
      run({ push: false });
    }
  });

  async function run({ push = true } = {}) {
    const text = code.text;
    if (!text.trim()) return code.view.focus();
    running?.abort();
    const mine = (running = new AbortController());
    button.textContent = "Stop";
    status.textContent = "Asking …";
    code.mark(null);
    try {
      const reply = await fetch(`${root}/sparql`, { method: "POST", headers: { Accept: ACCEPT }, body: parameters(text), signal: mine.signal });
      if (reply.ok && isLarge(reply.headers)) {
        mine.abort();
        remember(text, push);
        return large(text, reply.headers);
      }
      const body = await reply.text();
      if (!reply.ok) return refused(reply, body);
      remember(text, push);
      shown(text, readAnswer(body, reply.headers.get("Content-Type")), reply.headers);
    } catch (error) {
      if (mine !== running) return; // another question took its place
      status.textContent = error.name === "AbortError" ? "Stopped." : "";
      if (error.name !== "AbortError") put(alert_("The service does not answer", ["Try again in a moment."]));
    } finally {
      if (mine === running) {
        running = null;
        button.textContent = "Run";
      }
    }
  }

  function refused(reply, body) {
    let problem = { title: `The service answered ${reply.status}`, detail: "", how: "Try again in a moment." };
    if ((reply.headers.get("Content-Type") ?? "").includes("problem+json")) problem = JSON.parse(body);
    status.textContent = "";
    code.mark(problem);
    const there = problem.line && el("button", { type: "button", class: "plain", onclick: () => code.go(problem) }, `Go to line ${problem.line}, column ${problem.column}`);
    put(alert_(problem.title, [problem.detail, problem.how], there));
  }

  // What is too large to be drawn is not read either.
  function large(text, headers) {
    status.textContent = "";
    const kind = headers.get("Content-Type").includes("json") ? "rows" : "graph";
    const notice = el("p", { class: "notice" }, `The answer has ${count(Number(headers.get("KG-Rows")), kind === "rows" ? "row" : "triple")}: more than is shown here. Take it as a file, or add LIMIT.`);
    put(el("section", { "aria-labelledby": "answer" }, el("h2", { id: "answer" }, "Answer"), notice, files(kind, text)));
  }

  const files = (kind, text) =>
    el("p", { class: "formats" }, "The same as ", FILES[kind].map((name, i) => [i ? " · " : "", el("a", { href: `${root}/sparql?${parameters(text)}&format=${name}` }, name.toUpperCase())]));

  function shown(text, answer, headers) {
    const kind = answer.graph ? "graph" : answer.boolean === undefined ? "rows" : "boolean";
    const said = [
      answer.boolean === undefined && count(answer.rows.length, answer.graph ? "triple" : "row"),
      headers.get("KG-Milliseconds") && (headers.get("KG-Milliseconds") === "0" ? "under 1 ms" : `${headers.get("KG-Milliseconds")} ms`),
      headers.get("KG-Complete") === "true" && "complete",
      headers.get("KG-Release") && `release ${headers.get("KG-Release")}`,
    ];
    status.textContent = said.filter(Boolean).join(" · ");
    share.hidden = address(text).length > LONGEST;
    const views = viewsOf(answer, naming);
    const stage = el("div");
    const tabs = views.map(([name, title, draw]) => el("button", { type: "button", class: "plain", onclick: () => choose(name, true), "data-view": name }, title));
    function choose(name, mark) {
      const [chosen, , draw] = views.find(([known]) => known === name) ?? views[0];
      for (const tab of tabs) tab.setAttribute("aria-pressed", String(tab.dataset.view === chosen));
      stage.replaceChildren(draw());
      if (!mark) return;
      view = chosen;
      history.replaceState(null, "", location.pathname + location.search + hash());
    }
    put(
      el(
        "section", { "aria-labelledby": "answer" },
        el("h2", { id: "answer" }, "Answer"),
        tabs.length > 1 && el("p", { class: "controls views", role: "group", "aria-label": "Show as" }, tabs),
        stage,
        files(kind, text),
      ),
    );
    choose(view, false);
    if (kind === "rows" && !answer.rows.length) whyEmpty(text, stage);
  }

  // Why there are no rows: which pattern fails, and what was probably meant, where the service can say it.
  async function whyEmpty(text, stage) {
    const said = await ask(`${root}/why-empty?${parameters(text)}`).catch(() => null);
    if (said) stage.append(reasons(said, naming));
  }

  function put(node) {
    if (place) place.replaceWith(node);
    else status.after(node);
    place = node;
    for (const old of document.querySelectorAll("main > .problem, main > .intro")) if (old !== node) old.remove();
  }

  function exampleList(examples) {
    const list = el("ul", { class: "catalogue" }, examples.map(({ summary, text }) => el("li", {}, el("button", { type: "button", class: "link", onclick: () => take(text) }, summary))));
    const details = el("details", { class: "examples" }, el("summary", {}, `Examples: ${count(examples.length, "question")}`), list);
    function take(text) {
      details.open = false;
      code.text = text;
      run();
    }
    return details;
  }

  const hash = () => (view === "table" ? "" : `#view=${view}`);
  const address = (text) => `${location.origin}${root}/sparql?${parameters(text)}${hash()}`;

  function parameters(text) {
    const sent = new URLSearchParams({ query: text });
    const here = new URLSearchParams(location.search);
    for (const name of DATASET) for (const graph of here.getAll(name)) sent.append(name, graph);
    return sent;
  }

  function remember(text, push) {
    const target = address(text);
    if (!push || target === location.href || target.length > LONGEST) return;
    history.pushState(null, "", target);
  }

  async function copy() {
    const target = address(code.text);
    try {
      await navigator.clipboard.writeText(target);
      status.textContent = "The link is copied. It runs the query again.";
    } catch {
      status.replaceChildren("The link: ", el("a", { href: target }, "this query"));
    }
  }
}

const isLarge = (headers) => Number(headers.get("KG-Rows")) > LARGEST.rows || Number(headers.get("Content-Length")) > LARGEST.bytes;

function alert_(title, sentences, more) {
  return el("section", { class: "problem", role: "alert" }, el("h2", {}, title), sentences.filter(Boolean).map((text) => el("p", {}, text)), more);
}

// What the service says of an empty answer: sentences, and terms that were probably meant.
function reasons(said, naming) {
  const list = said.reasons ?? said.patterns ?? [];
  const sentence = (one) => (typeof one === "string" ? one : one.detail ?? one.said ?? one.text ?? "");
  return el(
    "div", { class: "notice" },
    el("p", {}, said.summary ?? said.detail ?? "Why it is empty:"),
    list.length > 0 && el("ul", {}, list.map((one) => el("li", {}, sentence(one), (one.nearest ?? []).map((iri) => [" ", naming.link(iri)])))),
  );
}

// Finds things by name. Where the service offers no such search, nothing is asked again.
function suggester(root, base) {
  let offered = true;
  return async (prefix, signal) => {
    if (!offered) return [];
    try {
      const { result } = await ask(`${root}/reconcile/suggest/entity?${new URLSearchParams({ prefix })}`, signal);
      return result.slice(0, 10).map(({ id, name, description, notable }) => ({
        iri: `${base}${id}`, // an identifier is the path below the base
        name,
        note: description ?? notable?.map((kind) => kind.name ?? kind).join(", ") ?? "",
      }));
    } catch (error) {
      if (error.name !== "AbortError") offered = false;
      return [];
    }
  };
}

async function ask(address, signal) {
  const reply = await fetch(address, { headers: { Accept: "application/json" }, signal });
  if (!reply.ok) throw new Error(String(reply.status));
  return reply.json();
}
