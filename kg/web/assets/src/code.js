// The text box as a code editor. It stands in a shadow tree, where its style sheets are objects and not inline text,
// so that the page's policy needs no exception for styles.

import { acceptCompletion, autocompletion, closeBrackets, closeBracketsKeymap, completionKeymap } from "@codemirror/autocomplete";
import { defaultKeymap, history, historyKeymap } from "@codemirror/commands";
import { bracketMatching, HighlightStyle, indentUnit, syntaxHighlighting } from "@codemirror/language";
import { EditorState, StateEffect, StateField } from "@codemirror/state";
import { Decoration, drawSelection, EditorView, highlightActiveLine, keymap, lineNumbers } from "@codemirror/view";
import { tags } from "@lezer/highlight";
import { sparql } from "codemirror-lang-sparql";

const theme = EditorView.theme({
  "&": { fontSize: ".88rem", color: "var(--ink)", background: "var(--box)", border: "1px solid var(--line)", borderRadius: ".3rem" },
  "&.cm-focused": { outline: "3px solid var(--link)", outlineOffset: "2px" },
  ".cm-scroller": { fontFamily: "ui-monospace, monospace", lineHeight: "1.55", maxHeight: "65vh", minHeight: "14rem", overflow: "auto" },
  ".cm-content": { caretColor: "var(--ink)" },
  ".cm-cursor": { borderLeftColor: "var(--ink)" },
  "&.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground, .cm-selectionBackground": { background: "var(--mark)" },
  ".cm-gutters": { background: "var(--box)", color: "var(--quiet)", border: "0" },
  ".cm-activeLine": { background: "transparent" },
  "&.cm-focused .cm-matchingBracket": { background: "var(--mark)", outline: "1px solid var(--quiet)" },
  ".cm-wrong": { textDecoration: "underline wavy var(--wrong) 2px", textUnderlineOffset: "3px", background: "var(--mark)" },
  ".cm-tooltip": { background: "var(--paper)", color: "var(--ink)", border: "1px solid var(--quiet)", borderRadius: ".3rem", maxWidth: "min(34rem, 94vw)" },
  ".cm-tooltip.cm-tooltip-autocomplete > ul": { fontFamily: "inherit", maxHeight: "16rem", maxWidth: "min(34rem, 94vw)" },
  ".cm-tooltip.cm-tooltip-autocomplete > ul > li": { padding: ".3rem .6rem", lineHeight: "1.35" },
  ".cm-tooltip-autocomplete ul li[aria-selected]": { background: "var(--link)", color: "var(--paper)" },
  ".cm-completionDetail": { fontStyle: "normal", color: "var(--quiet)", marginLeft: "1rem" },
  "li[aria-selected] .cm-completionDetail": { color: "inherit" },
  ".cm-completionMatchedText": { textDecoration: "none", fontWeight: "700" },
  ".cm-completionInfo": { padding: ".5rem .7rem", fontFamily: "system-ui, sans-serif", overflowWrap: "anywhere" },
  "@media (max-width: 48rem)": { ".cm-completionInfo": { display: "none" } },
});

const colours = syntaxHighlighting(
  HighlightStyle.define([
    { tag: [tags.keyword, tags.operatorKeyword, tags.modifier], color: "var(--link)", fontWeight: "600" },
    { tag: [tags.string, tags.number, tags.bool, tags.literal], color: "var(--warm)" },
    { tag: [tags.comment, tags.lineComment], color: "var(--quiet)", fontStyle: "italic" },
    { tag: [tags.variableName, tags.special(tags.variableName)], fontStyle: "italic" },
  ]),
);

// The one place that a problem names, as a range, or null.
const setWrong = StateEffect.define();
const wrong = StateField.define({
  create: () => Decoration.none,
  update(marks, transaction) {
    let now = marks.map(transaction.changes);
    for (const effect of transaction.effects) {
      if (!effect.is(setWrong)) continue;
      now = effect.value ? Decoration.set([Decoration.mark({ class: "cm-wrong" }).range(effect.value.from, effect.value.to)]) : Decoration.none;
    }
    return now;
  },
  provide: (field) => EditorView.decorations.from(field),
});

export class Code {
  constructor(area, { label, complete, run, change }) {
    this.area = area;
    const host = document.createElement("div");
    host.className = "code";
    area.before(host);
    const shadow = host.attachShadow({ mode: "open" });
    this.view = new EditorView({
      root: shadow,
      parent: shadow,
      state: EditorState.create({
        doc: area.value.trim(),
        extensions: [
          lineNumbers(), wrong, history(), drawSelection(), bracketMatching(), closeBrackets(), highlightActiveLine(),
          indentUnit.of("  "), EditorView.lineWrapping, sparql(), colours, theme,
          autocompletion({ override: [complete], icons: false, maxRenderedOptions: 60 }),
          EditorView.contentAttributes.of({ "aria-label": label, "aria-describedby": "keys", spellcheck: "false" }),
          // Tab leaves the editor, as on any page; it takes a completion only while one is offered.
          keymap.of([
            { key: "Mod-Enter", run: () => (run(), true) },
            { key: "Tab", run: acceptCompletion },
            ...closeBracketsKeymap, ...completionKeymap, ...historyKeymap, ...defaultKeymap,
          ]),
          EditorView.updateListener.of((update) => {
            if (!update.docChanged) return;
            area.value = this.text;
            change();
          }),
        ],
      }),
    });
    const keys = document.createElement("p");
    keys.id = "keys";
    keys.hidden = true;
    keys.textContent = "Control and Space completes, Control and Enter runs, Tab goes on.";
    shadow.append(keys);
    area.hidden = true;
    area.required = false;
    area.value = this.text;
    document.querySelector(`label[for="${area.id}"]`)?.addEventListener("click", (event) => {
      event.preventDefault();
      this.view.focus();
    });
  }

  get text() {
    return this.view.state.doc.toString();
  }

  set text(value) {
    this.view.dispatch({ changes: { from: 0, to: this.view.state.doc.length, insert: value } });
    this.mark(null);
  }

  // Marks the place that a problem names, counted from 1 in characters; null takes the mark away.
  mark(problem) {
    const { doc } = this.view.state;
    const at = problem && this.offset(problem.line, problem.column);
    let range = null;
    if (at !== null && doc.length) {
      const from = Math.min(at, doc.length - 1); // the end of the text is marked at its last character
      range = { from, to: this.view.state.wordAt(from)?.to ?? from + 1 };
    }
    this.view.dispatch({ effects: setWrong.of(range) });
  }

  go({ line, column }) {
    const anchor = this.offset(line, column);
    if (anchor === null) return;
    this.view.dispatch({ selection: { anchor }, effects: EditorView.scrollIntoView(anchor, { y: "center" }) });
    this.view.focus();
  }

  offset(line, column) {
    const { doc } = this.view.state;
    if (!line || line > doc.lines) return null;
    const { from, text } = doc.line(line);
    // The service counts characters; this editor counts the halves of those that need two.
    return from + [...text].slice(0, (column || 1) - 1).join("").length;
  }
}
