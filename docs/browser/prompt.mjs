// The prompt: you type a statement, and Enter executes it, or goes on if it is not whole. The arrow keys bring earlier
// ones.

import { insertNewlineAndIndent } from '@codemirror/commands';
import { goesOn } from './continuation.mjs';
import { lineEditor, setText, textOf } from './editor.mjs';

// `enter(statement)` returns whether it was taken; `interrupt()` is what Ctrl-C does.
export function makePrompt(parent, enter, interrupt) {
  const earlier = [];
  let place = 0; // in `earlier`; behind the last is what you type

  const onEnter = (view) => {
    const text = textOf(view);
    if (view.state.selection.main.head === text.length && !goesOn(text)) {
      if (!enter(text)) return true;
      if (text.trim() && text !== earlier.at(-1)) earlier.push(text);
      place = earlier.length;
      setText(view, '');
      return true;
    }
    return insertNewlineAndIndent(view);
  };

  const recall = (step, isAtEdge) => (view) => {
    const line = view.state.doc.lineAt(view.state.selection.main.head).number;
    if (!isAtEdge(line, view.state.doc.lines)) return false;
    const wanted = place + step;
    if (wanted < 0 || wanted > earlier.length) return true;
    place = wanted;
    setText(view, earlier[place] ?? '');
    return true;
  };

  const onInterrupt = (view) => {
    if (!view.state.selection.main.empty) return false; // Ctrl-C copies what is selected
    if (!interrupt()) setText(view, '');
    return true;
  };

  return lineEditor(parent, 'Python prompt', [
    { key: 'Enter', run: onEnter },
    { key: 'ArrowUp', run: recall(-1, (line) => line === 1) },
    { key: 'ArrowDown', run: recall(1, (line, last) => line === last) },
    { key: 'Ctrl-c', run: onInterrupt },
  ]);
}
