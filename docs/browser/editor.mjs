// Editors of Python code, from CodeMirror. Colours are those of page.css, so that they follow light and dark.

import { defaultKeymap, history, historyKeymap, indentWithTab } from '@codemirror/commands';
import { python } from '@codemirror/lang-python';
import { bracketMatching, indentUnit, syntaxHighlighting } from '@codemirror/language';
import { EditorState, Prec } from '@codemirror/state';
import { drawSelection, EditorView, highlightActiveLine, keymap, lineNumbers } from '@codemirror/view';
import { classHighlighter } from '@lezer/highlight';

const OF_BOTH = [
  python(),
  indentUnit.of('    '),
  EditorState.tabSize.of(4),
  bracketMatching(),
  drawSelection(),
  syntaxHighlighting(classHighlighter),
  EditorView.lineWrapping,
];

function editor(parent, label, keys, more) {
  return new EditorView({
    parent,
    extensions: [
      Prec.highest(keymap.of(keys)),
      ...OF_BOTH,
      ...more,
      keymap.of(defaultKeymap),
      EditorView.contentAttributes.of({ 'aria-label': label }),
    ],
  });
}

// `keys` are key bindings of CodeMirror.
export function programEditor(parent, label, keys) {
  const more = [lineNumbers(), highlightActiveLine(), history(), keymap.of([...historyKeymap, indentWithTab])];
  return editor(parent, label, keys, more);
}

export function lineEditor(parent, label, keys) {
  return editor(parent, label, keys, [history(), keymap.of(historyKeymap)]);
}

export function textOf(view) {
  return view.state.doc.toString();
}

export function setText(view, text) {
  view.dispatch({ changes: { from: 0, to: view.state.doc.length, insert: text }, selection: { anchor: text.length } });
}
