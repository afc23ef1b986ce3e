// webassembly.mjs PACKAGE FOLDER=TARGET...: MicroPython as WebAssembly, from the npm package in the folder PACKAGE, with
// the .py files of each FOLDER on the host, and of those in it, in its folder TARGET, which is in sys.path. Runs the
// tests named on standard input, as `serve` of tests_target/runner.py does: Python has no standard input there.

import fs from 'node:fs';
import path from 'node:path';

const HEAP_BYTES = 32 * 1024 * 1024;

const [packageFolder, ...folders] = process.argv.slice(2);
const { loadMicroPython } = await import(path.resolve(packageFolder, 'micropython.mjs'));
const micropython = await loadMicroPython({
  heapsize: HEAP_BYTES,
  linebuffer: true,
  stdout: (line) => fs.writeSync(1, `${line}\n`),
});

function copy(source, target) {
  micropython.FS.mkdirTree(target);
  for (const entry of fs.readdirSync(source, { withFileTypes: true })) {
    const [from, to] = [`${source}/${entry.name}`, `${target}/${entry.name}`];
    if (entry.isDirectory() && entry.name !== '__pycache__') {
      copy(from, to);
    } else if (entry.name.endsWith('.py')) {
      micropython.FS.writeFile(to, fs.readFileSync(from));
    }
  }
}

micropython.runPython("import sys\nsys.path.clear()\nsys.path.append('.frozen')");
for (const folder of folders) {
  const [source, target] = folder.split('=');
  copy(source, target);
  micropython.runPython(`sys.path.append('${target}')`);
}

// Words of 2 ** 30 and above take heap here, as small integers have 31 bits. So no call can keep its promise to work
// with the heap locked: as on CPython, `heap_lock` only counts. tests_target/test_whole_calls.py has what holds when it locks.
micropython.runPython(`
import micropython as real_micropython

class micropython:
    locks = 0

    @classmethod
    def heap_lock(cls):
        cls.locks += 1

    @classmethod
    def heap_unlock(cls):
        cls.locks -= 1
        return cls.locks

    @classmethod
    def heap_locked(cls):
        return cls.locks

for name in dir(real_micropython):
    if not name.startswith("heap_") and not name.startswith("__"):
        setattr(micropython, name, staticmethod(getattr(real_micropython, name)))
sys.modules["micropython"] = micropython

import physmem_boot
import runner
`);

// One line at a time: the runner waits for the result before it sends the next.
const input = Buffer.alloc(1024);
for (let count = fs.readSync(0, input); count > 0; count = fs.readSync(0, input)) {
  const [file, test] = input.toString('utf8', 0, count).trim().split(' ');
  micropython.runPython(`runner.run('${file}', '${test}')`);
}
