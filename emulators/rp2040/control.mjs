// Serve the parent process: it sends commands on standard input, one JSON object a line, and gets the answers on
// standard output. Events come between the answers: {"event": ..., ...}.

import { readFileSync, writeFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { SIZE as FLASH_SIZE } from './flash.mjs';

const COMMANDS = {
  reset: (board) => board.reset(),
  halt: (board) => board.halt,
  statistics: (board) => board.statistics(),
  reset_statistics: (board) => board.resetStatistics(),
  marks: (board) => board.marks,
  watch: (board, { address }) => board.watch(address),
  reached: (board) => board.reached,
  save_flash: (board, { path }) => writeFileSync(path, board.flash),
  load_flash: (board, { path }) => {
    const contents = readFileSync(path);
    if (contents.length !== FLASH_SIZE) throw new Error(`${path} has ${contents.length} bytes, not ${FLASH_SIZE}`);
    board.flash = contents;
  },
};

export function tell(event) {
  process.stdout.write(`${JSON.stringify(event)}\n`);
}

/** Serve commands {"do": name, "id": anything, ...} until standard input ends: then the parent has exited. */
export function serve(board) {
  const lines = createInterface({ input: process.stdin });
  lines.on('line', (line) => {
    const command = JSON.parse(line);
    try {
      tell({ id: command.id, result: COMMANDS[command.do](board, command) ?? null });
    } catch (error) {
      tell({ id: command.id, error: error.message });
    }
  });
  lines.on('close', () => process.exit(0));
}
