// What was printed: text, errors, what was typed, and notes of the page itself. It keeps the last lines only.

const MOST_CHARACTERS = 100_000;

export class Output {
  constructor(element) {
    this.element = element;
    this.characters = 0;
    this.pending = [];
  }

  // `kind` is one of "text", "error", "typed" and "note".
  add(kind, text) {
    if (this.pending.length === 0) requestAnimationFrame(() => this.#draw());
    this.pending.push([kind, text]);
  }

  clear() {
    this.pending.length = 0;
    this.element.replaceChildren();
    this.characters = 0;
  }

  #draw() {
    for (const [kind, text] of this.pending) {
      const last = this.element.lastElementChild;
      if (kind === 'text' && last?.dataset.kind === 'text' && last.textContent.length < 4000) {
        last.append(text);
      } else {
        const piece = document.createElement('span');
        piece.dataset.kind = kind;
        piece.textContent = text;
        this.element.append(piece);
      }
      this.characters += text.length;
    }
    this.pending.length = 0;
    while (this.characters > MOST_CHARACTERS) {
      this.characters -= this.element.firstElementChild.textContent.length;
      this.element.firstElementChild.remove();
    }
    const scrolled = this.element.parentElement;
    scrolled.scrollTop = scrolled.scrollHeight;
  }
}
