// node main.mjs [--unpaced] FIRMWARE.uf2
//
// Run the firmware of a Raspberry Pi Pico, as it is shipped, on npm's rp2040js. The board's USB serial port becomes a
// TCP port of this machine. The first line of output tells which: {"event": "listening", "port": ...}. control.mjs
// describes the rest of standard input and output. The program ends with its parent process. With --unpaced, simulated
// time that the board sleeps through passes at once.

import { createServer } from 'node:net';
import { parseArgs } from 'node:util';
import { setFlagsFromString } from 'node:v8';
import { Board } from './board.mjs';
import { serve, tell } from './control.mjs';

const { values, positionals } = parseArgs({
  options: { unpaced: { type: 'boolean', default: false } },
  allowPositionals: true,
});
if (positionals.length !== 1) {
  console.error('usage: node main.mjs [--unpaced] FIRMWARE.uf2');
  process.exit(2);
}

// Have V8 inline what executes an instruction, all of it, and optimise that although it is large.
setFlagsFromString('--max-inlined-bytecode-size=4000');
setFlagsFromString('--max-inlined-bytecode-size-cumulative=8000');
setFlagsFromString('--max-optimized-bytecode-size=100000');

console.warn = () => {}; // drop rp2040js' complaints about registers that it does not know

const clients = new Set();
const board = start(positionals[0], {
  isPaced: !values.unpaced,
  received: (data) => {
    for (const client of clients) client.write(Buffer.from(data));
  },
  stopped: (halt) => {
    tell({ event: 'stopped', ...halt });
    for (const client of clients) client.end();
  },
});

const server = createServer({ noDelay: true }, (client) => {
  clients.add(client);
  client.on('data', (data) => board.send(data));
  client.on('error', () => {}); // a client that disconnects is not an error
  client.on('close', () => clients.delete(client));
});
server.listen(0, '127.0.0.1', () => tell({ event: 'listening', port: server.address().port }));
serve(board);

function start(firmware, options) {
  try {
    return new Board(firmware, options);
  } catch (error) {
    console.error(error.message);
    process.exit(1);
  }
}
