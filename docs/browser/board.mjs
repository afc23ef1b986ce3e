// The made-up board, as the page sees it: start it, run something on it, take its power away.

const WASM = new URL('micropython.wasm', document.baseURI).href;

export class Board {
  #worker = null;
  #resolve = null; // of the promise of the call that the worker is at

  // `handlers` has a function for each event of worker.mjs except "done". After "failed" only reset() has an effect.
  constructor(handlers) {
    this.handlers = handlers;
    // Workers compile the same bytes: while the page keeps them compiled, browsers do not do it again at each reset.
    this.compiled = WebAssembly.compileStreaming(fetch(WASM)).catch(() => null);
  }

  // Take the power away and start the board again with `files` in its file system: nothing is left of its memory.
  // This call and the next two resolve to true when they are done, to false if the board failed or was reset meanwhile.
  reset(files) {
    this.#end();
    const worker = new Worker('worker.js', { type: 'module' });
    const onEvent = (data) => {
      if (worker === this.#worker) this.#onEvent(data); // and not one of an earlier start
    };
    worker.addEventListener('message', ({ data }) => onEvent(data));
    worker.addEventListener('error', ({ message }) => {
      onEvent({ event: 'failed', why: message ?? 'The server of this page did not send worker.js.' });
    });
    this.#worker = worker;
    return this.#call({ call: 'start', files, wasm: WASM });
  }

  run(program) {
    return this.#call({ call: 'run', program });
  }

  execute(statement) {
    return this.#call({ call: 'execute', statement });
  }

  #call(message) {
    this.#worker.postMessage(message);
    return new Promise((resolve) => {
      this.#resolve = resolve;
    });
  }

  #finish(isDone) {
    const resolve = this.#resolve;
    this.#resolve = null;
    resolve?.(isDone);
  }

  #end() {
    this.#worker?.terminate();
    this.#worker = null;
    this.#finish(false);
  }

  #onEvent({ event, text, snapshot, why }) {
    if (event === 'done') {
      this.#finish(true);
    } else {
      if (event === 'failed') this.#end();
      this.handlers[event](text ?? snapshot ?? why);
    }
  }
}
