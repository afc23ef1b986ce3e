// Tell whether a statement goes on in the next line, by the rule of MicroPython's own prompt (py/repl.c).

const COMPOUND = /^(@|(async|class|def|for|if|try|while|with)\b)/;
const OPENING = '([{';
const CLOSING = ')]}';

export function goesOn(text) {
  let depth = 0;
  let quote = null; // the quotation marks that end the string
  for (let i = 0; i < text.length; i++) {
    if (text[i] === '\\') {
      i += 1;
    } else if (quote) {
      if (text.startsWith(quote, i)) {
        i += quote.length - 1;
        quote = null;
      } else if (text[i] === '\n' && quote.length === 1) {
        quote = null;
      }
    } else if (text[i] === '"' || text[i] === "'") {
      quote = text.startsWith(text[i].repeat(3), i) ? text[i].repeat(3) : text[i];
      i += quote.length - 1;
    } else if (text[i] === '#') {
      i = Math.min(...[text.indexOf('\n', i), text.length].filter((end) => end >= 0)) - 1;
    } else if (OPENING.includes(text[i])) {
      depth += 1;
    } else if (CLOSING.includes(text[i])) {
      depth -= 1;
    }
  }
  if (depth > 0 || quote?.length === 3 || text.endsWith('\\')) return true;
  return COMPOUND.test(text) && !/\n\s*$/.test(text); // a compound statement goes on until an empty line
}
