// The page: it puts the editor, the board, the output, the prompt and the map together.

import '../../scripts/look/memory_map.js';
import { Board } from './board.mjs';
import { programEditor, setText, textOf } from './editor.mjs';
import { Output } from './output.mjs';
import { makePrompt } from './prompt.mjs';

const element = (id) => document.getElementById(id);
const output = new Output(element('output'));
let contents = null; // of files.json: the `files` of the board, and the `examples`

const board = new Board({
  output: (text) => output.add('text', text),
  error: (text) => output.add('error', text),
  snapshot(snapshot) {
    const isFirst = !element('map').hasChildNodes();
    globalThis.drawMemoryMap(element('map'), snapshot);
    if (isFirst) enlarge(element('map'));
    element('map-failure').hidden = true;
  },
  cannot_draw: (why) => sayMapIsOld(`The board could not send a new one: ${why}`),
  failed,
});

// Start with frames so large that one can point at each: there are few. Each click doubles their size.
function enlarge(map) {
  const times = map.clientWidth < 500 ? 3 : 2;
  for (let clicks = 0; clicks < times; clicks++) {
    for (const larger of map.querySelectorAll('.memory-map-zoom:first-of-type')) larger.click();
  }
}

function sayMapIsOld(why) {
  element('map-failure').textContent = `The map is out of date. ${why}`;
  element('map-failure').hidden = !element('map').hasChildNodes();
}

// "loading" (the page), "starting" (the board), "ready", "running" or "failed". Only show() changes it.
const state = () => document.body.dataset.state;

function show(newState, status) {
  document.body.dataset.state = newState;
  element('status').textContent = status;
  element('run').disabled = newState !== 'ready';
  element('stop').disabled = newState !== 'running';
  element('reset').disabled = newState === 'loading';
}

function failed(why) {
  const isStart = state() === 'loading' || state() === 'starting';
  if (isStart) contents = null; // Reset asks the server again
  const [what, whatToDo] = isStart
    ? ['The board did not start', 'Run make browser, serve all of build/browser, then press Reset.']
    : ['The board has stopped', 'Press Reset to start it again.'];
  output.add('error', `${why.trimEnd()}\n`);
  output.add('note', `${what}. ${whatToDo}`);
  sayMapIsOld(`${what}.`);
  show('failed', `${what}: the output says why, and what to do.`);
}

// Show `status` while the board does what `call` starts. Return whether it was done.
async function during(newState, status, call) {
  show(newState, status);
  const isDone = await call();
  if (isDone) show('ready', 'Ready.');
  return isDone;
}

function start() {
  return during('starting', 'The board starts ...', () => board.reset(contents.files));
}

async function runProgram() {
  if (state() !== 'ready') return;
  output.clear();
  output.add('note', 'The board was reset. The program runs.');
  if (await start()) await during('running', 'The program runs ...', () => board.run(textOf(editor)));
}

function stop() {
  if (state() !== 'running') return false;
  output.add('note', 'Stopped. The board was reset: all its memory is free, and all names are gone.');
  start();
  return true;
}

function reset() {
  if (state() === 'failed') {
    output.clear();
    open();
  } else {
    output.add('note', 'The board was reset: all its memory is free, and all names are gone.');
    start();
  }
}

function enter(statement) {
  if (state() !== 'ready') return false;
  output.add('typed', `>>> ${statement.trimEnd().replaceAll('\n', '\n... ')}`);
  if (statement.trim()) {
    during('running', 'The statement runs ...', () => board.execute(`${statement.trimEnd()}\n`));
  }
  return true;
}

async function load() {
  const answer = await fetch('files.json', { cache: 'no-cache' }).catch(() => null);
  if (!answer) throw new Error('The server of this page does not answer.');
  if (!answer.ok) throw new Error(`The server of this page did not send files.json (${answer.status}).`);
  return answer.json().catch((error) => {
    throw new Error(`The page cannot read its files.json: ${error.message}`);
  });
}

// Load the examples and the board's files, unless they are here already, and start the board.
async function open() {
  if (!contents) {
    show('loading', 'The page loads ...');
    try {
      contents = await load();
    } catch (error) {
      failed(error.message);
      return;
    }
    const { examples } = contents;
    element('examples').replaceChildren(...examples.map(({ title, program }) => new Option(title, program)));
    if (!textOf(editor)) setText(editor, examples[0].program);
  }
  if (await start()) output.add('note', 'physmem runs on the made-up board. Run the program, or type at the prompt.');
}

const editor = programEditor(element('editor'), 'Program', [
  { key: 'Mod-Enter', run: () => runProgram() || true },
  { key: 'Ctrl-Enter', run: () => runProgram() || true },
]);
const prompt = makePrompt(element('prompt'), enter, stop);
element('screen').addEventListener('click', () => {
  if (getSelection().isCollapsed) prompt.focus(); // who selects what was printed wants to copy it
});
element('examples').addEventListener('change', (event) => setText(editor, event.target.value));
element('run').addEventListener('click', runProgram);
element('stop').addEventListener('click', stop);
element('reset').addEventListener('click', reset);
open();
