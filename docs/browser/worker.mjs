// The worker in which MicroPython runs: one worker is one start of the board. As the page's own thread is another one,
// the page stays alive while a program runs, and can end a program that does not end: it ends the worker.
//
// It gets messages {call, ...}: "start" with the files, "run" with a program, "execute" with a statement of the prompt.
// It posts {event, ...}: "output" and "error" with a text, "snapshot", "cannot_draw" and, after each call, "done"; or
// "failed" if MicroPython or physmem did not start, or MicroPython itself crashed. Then this worker is of no more use.

import { loadMicroPython } from '@micropython/micropython-webassembly-pyscript/micropython.mjs';

const HEAP_BYTES = 8 * 1024 * 1024;
const LIBRARY = '/lib';
const DRAW_EVERY_MS = 50; // at most, while a program runs; if a snapshot takes long, it gets a third of the time
const WINDOW_MS = 100; // of time, in which this many pieces of output are posted at once; what follows is gathered
const PIECES_IN_A_WINDOW = 50;
const MOST_GATHERED = 16 * 1024; // characters: a program can print faster than a page can show

let micropython;
let session;
let drawn = 0; // when the last snapshot was posted
let taken = 0; // by that snapshot, in ms
const output = { text: '', leftOut: 0, windowStart: 0, pieces: 0 };

function flush() {
  if (output.leftOut) output.text += `\n... ${output.leftOut.toLocaleString('en')} characters left out ...\n`;
  if (output.text) postMessage({ event: 'output', text: output.text });
  output.text = '';
  output.leftOut = 0;
}

function print(line) {
  if (output.text.length < MOST_GATHERED) output.text += line;
  else output.leftOut += line.length;
  const now = performance.now();
  if (now - output.windowStart > WINDOW_MS) {
    output.windowStart = now;
    output.pieces = 0;
  }
  if (output.pieces < PIECES_IN_A_WINDOW) {
    output.pieces += 1;
    flush();
  }
}

// MicroPython writes byte by byte. A line is printed as a whole, and so is what stands in a line when Python stops.
const decoder = new TextDecoder();
let bytes = [];

function printBytes() {
  if (bytes.length) print(decoder.decode(new Uint8Array(bytes), { stream: true }));
  bytes = [];
}

function write(written) {
  for (const byte of written) {
    bytes.push(byte);
    if (byte === 10) printBytes();
  }
}

function settle() {
  printBytes();
  flush();
}

function printError(text) {
  settle();
  postMessage({ event: 'error', text });
}

// The module `page` of session.py.
const page = {
  print_error: printError,
  // Whether to draw before a pause of so many ms: a long one would leave an old map on the page.
  is_due: (pause) => Math.max(performance.now() - drawn, pause) > Math.max(DRAW_EVERY_MS, 2 * taken),
  draw(text) {
    settle();
    const snapshot = JSON.parse(text);
    postMessage({ event: 'snapshot', snapshot });
    drawn = performance.now();
    taken = snapshot.cost.us / 1000;
  },
  cannot_draw: (why) => postMessage({ event: 'cannot_draw', why }),
};

const calls = {
  async start({ files, wasm }) {
    micropython = await loadMicroPython({ heapsize: HEAP_BYTES, url: wasm, linebuffer: false, stdout: write });
    micropython.registerJsModule('page', page);
    for (const [name, text] of Object.entries(files)) {
      const path = `${LIBRARY}/${name}`;
      micropython.FS.mkdirTree(path.slice(0, path.lastIndexOf('/')));
      micropython.FS.writeFile(path, text);
    }
    micropython.runPython(`import sys\nsys.path.append('${LIBRARY}')`);
    session = micropython.pyimport('session');
    micropython.runPython('del sys');
  },

  // A program may `await` outside of a function; while it does, its memory is shown as well.
  async run({ program }) {
    const timer = setInterval(() => page.is_due(0) && session.show(), 2 * DRAW_EVERY_MS);
    try {
      await micropython.runPythonAsync(program);
    } catch (error) {
      if (error.type !== 'SystemExit') throw error;
    } finally {
      clearInterval(timer);
    }
  },

  execute: ({ statement }) => session.execute(statement),
};

async function whyItFailed(error, { call, wasm }) {
  if (error.name === 'PythonError') return `physmem did not start.\n${error.message}`;
  if (call !== 'start') return `MicroPython itself crashed: ${error.message}`;
  const answer = await fetch(wasm).catch(() => null);
  if (!answer) return 'The server of this page does not answer.';
  if (!answer.ok) return `The server of this page did not send micropython.wasm (${answer.status}).`;
  return `MicroPython did not start. ${error}`;
}

self.addEventListener('message', async ({ data }) => {
  try {
    try {
      await calls[data.call](data);
    } catch (error) {
      if (data.call === 'start' || error.name !== 'PythonError') throw error;
      printError(error.message);
    }
    settle();
    session.show();
    postMessage({ event: 'done' });
  } catch (error) {
    settle();
    postMessage({ event: 'failed', why: await whyItFailed(error, data) });
  }
});
