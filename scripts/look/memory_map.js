// Draw every region of a snapshot, frame by frame, and tell what is under the pointer or the keyboard's focus.
//
// A plain script without dependencies, which also works as a module. It defines one function:
//
//   drawMemoryMap(container, snapshot)   (re)draws all regions of a snapshot of on_board.py into the element
//                                        `container`. Zoom and focus stay when you draw the next snapshot.
//
// memory_map.css has its style. Each run of frames is drawn in proportion, wrapped into rows: nothing is averaged. A
// path holds all runs that look the same, so that 32,768 frames are a dozen elements; what is under the pointer is
// computed from its place.

globalThis.drawMemoryMap = (() => {
  const SVG = 'http://www.w3.org/2000/svg';
  const WIDTH = 960; // of a map, in units of its own
  const GAP = 1; // between two runs, and between two rows
  const SMALLEST_FRAME = 2.5; // the width of a frame, in those units, before somebody zooms
  const ROW_HEIGHTS = [12, 14, 18, 24]; // by how many rows there are
  const FEWEST_FRAMES_IN_A_ROW = 16;
  const OWNER_COLOURS = 7; // of memory_map.css
  const STATES = {
    free: 'free',
    allocated: 'allocated',
    mapped: 'mapped: hardware owns it',
    retained: 'retained: kept over a reset',
    guard: 'guard of a debug tier',
    firmware: 'in use by the firmware',
  };
  const HATCHED = ['mapped', 'retained', 'guard']; // so that no state is told by its colour alone
  const views = new WeakMap(); // container -> what stays from one drawing to the next
  let serial = 0; // makes the ids of patterns unique in the document

  const hex = (address) => `0x${address.toString(16).padStart(8, '0')}`;

  function bytesText(bytes) {
    const units = ['B', 'KiB', 'MiB', 'GiB'];
    let unit = 0;
    while (unit < units.length - 1 && bytes >= 1024 && bytes % 1024 === 0) {
      bytes /= 1024;
      unit += 1;
    }
    return `${bytes.toLocaleString('en')} ${units[unit]}`;
  }

  const framesText = (count) => `${count.toLocaleString('en')} frame${count === 1 ? '' : 's'}`;

  function element(name, className, text) {
    const made = document.createElement(name);
    if (className) made.className = className;
    if (text !== undefined) made.textContent = text;
    return made;
  }

  function drawing(name, attributes) {
    const made = document.createElementNS(SVG, name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    return made;
  }

  function button(text, label, click) {
    const made = element('button', 'memory-map-zoom', text);
    made.type = 'button';
    made.title = label;
    made.setAttribute('aria-label', label);
    made.addEventListener('click', click);
    return made;
  }

  function framesInARow(frames) {
    let row = FEWEST_FRAMES_IN_A_ROW;
    while (row * 2 * SMALLEST_FRAME <= WIDTH && row < frames) row *= 2;
    return row;
  }

  // The shapes of the frames from `first` to `end`: part of a row, whole rows, part of a row.
  function shapes(card, first, end) {
    const { row, height } = card;
    const width = WIDTH / row;
    const gap = width > 4 ? GAP : width > 1 ? 0.5 : 0.25;
    let text = '';
    const box = (column, line, columns, lines) => {
      const right = columns * width - gap;
      text += `M${column * width} ${line * height}h${right}v${lines * height - GAP}h${-right}z`;
    };
    while (first < end) {
      const column = first % row;
      const line = Math.floor(first / row);
      const columns = Math.min(end - first, row - column);
      const lines = column === 0 && columns === row ? Math.floor((end - first) / row) : 1;
      box(column, line, columns, lines);
      first += columns * lines;
    }
    return text;
  }

  function runAt(runs, frame) {
    let low = 0;
    let high = runs.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (runs[middle][0] <= frame) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  function addPatterns(svg, id) {
    const shapesOf = { mapped: 'M-1 1L1 -1M0 6L6 0M5 7L7 5', retained: 'M0 3H6', guard: 'M0 0L6 6M6 0L0 6' };
    const definitions = drawing('defs', {});
    for (const state of HATCHED) {
      const pattern = drawing('pattern', { id: `${id}-${state}`, width: 6, height: 6, patternUnits: 'userSpaceOnUse' });
      pattern.append(drawing('path', { class: 'memory-map-hatch', d: shapesOf[state] }));
      definitions.append(pattern);
    }
    svg.append(definitions);
  }

  // The lines of the tooltip: what a term is, and its value.
  function description(region, index, frame) {
    const [first, count, state, owner, name] = region.runs[index];
    const start = region.base + first * region.frame_size;
    const end = start + count * region.frame_size;
    const last = first + count - 1;
    const lines = [
      ['region', region.name],
      ['frames', count === 1 ? `${first}` : `${first} to ${last}, ${framesText(count)}`],
      ['address', `${hex(start)} to ${hex(end)}`],
      ['size', bytesText(count * region.frame_size)],
      ['state', STATES[state] ?? state],
    ];
    if (owner !== undefined && owner !== null) lines.push(['owner', owner]);
    if (name !== undefined && name !== null) lines.push(['name', name]);
    if (frame !== null && count > 1) {
      lines.push(['here', `frame ${frame} at ${hex(region.base + frame * region.frame_size)}`]);
    }
    return lines;
  }

  function hide(view) {
    view.tooltip.hidden = true;
    for (const card of view.cards.values()) card.outline.setAttribute('d', '');
  }

  // Show the tooltip for a run of a card, beside the point (x, y) of the window.
  function show(view, card, index, frame, x, y) {
    const [first, count] = card.region.runs[index];
    hide(view);
    card.outline.setAttribute('d', shapes(card, first, first + count));
    const list = element('dl');
    for (const [term, value] of description(card.region, index, frame)) {
      list.append(element('dt', '', term), element('dd', '', value));
    }
    view.tooltip.replaceChildren(list);
    view.tooltip.hidden = false;
    const { width, height } = view.tooltip.getBoundingClientRect();
    const room = document.documentElement;
    const left = Math.max(4, Math.min(x + 14, room.clientWidth - width - 4));
    const top = y + 18 + height < room.clientHeight ? y + 18 : Math.max(4, y - height - 10);
    view.tooltip.style.left = `${left}px`;
    view.tooltip.style.top = `${top}px`;
  }

  function showFocused(view, card) {
    const index = runAt(card.region.runs, card.frame);
    const [first] = card.region.runs[index];
    const box = card.svg.getBoundingClientRect();
    const x = box.left + ((first % card.row) / card.row) * box.width;
    const y = box.top + ((Math.floor(first / card.row) + 1) * card.height * box.width) / WIDTH - 12;
    show(view, card, index, null, x, y);
  }

  function onPointer(view, card, event) {
    const box = card.svg.getBoundingClientRect();
    const column = Math.floor(((event.clientX - box.left) / box.width) * card.row);
    const line = Math.floor((((event.clientY - box.top) / box.width) * WIDTH) / card.height);
    const frame = line * card.row + Math.min(Math.max(column, 0), card.row - 1);
    if (line < 0 || frame < 0 || frame >= card.region.frames) {
      hide(view);
      return;
    }
    card.frame = frame;
    show(view, card, runAt(card.region.runs, frame), frame, event.clientX, event.clientY);
  }

  function onKey(view, card, event) {
    const { runs, frames } = card.region;
    const index = runAt(runs, card.frame);
    const [first, count] = runs[index];
    const moves = {
      ArrowRight: first + count,
      ArrowLeft: first - 1,
      ArrowDown: card.frame + card.row,
      ArrowUp: card.frame - card.row,
      Home: 0,
      End: frames - 1,
    };
    if (event.key === 'Escape') {
      hide(view);
      return;
    }
    if (!(event.key in moves)) return;
    event.preventDefault();
    const frame = moves[event.key];
    if (frame >= 0 && frame < frames) {
      card.frame = event.key.startsWith('ArrowL') ? runs[runAt(runs, frame)][0] : frame;
    }
    showFocused(view, card);
  }

  function zoom(view, card, times) {
    const row = card.row / times;
    if (row >= FEWEST_FRAMES_IN_A_ROW && row <= 4096) {
      card.row = row;
      drawRegion(view, card);
    }
  }

  function newCard(view, region) {
    serial += 1;
    const id = `memory-map-${serial}`;
    const card = { id, region, row: framesInARow(region.frames), frame: 0 };
    card.section = element('section', 'memory-map-region');
    card.title = element('h3', 'memory-map-title');
    card.where = element('p', 'memory-map-where');
    card.facts = element('dl', 'memory-map-facts');
    card.svg = drawing('svg', { class: 'memory-map-frames', tabindex: 0, role: 'application' });
    addPatterns(card.svg, id);
    card.runs = drawing('g', {});
    card.outline = drawing('path', { class: 'memory-map-outline', d: '' });
    card.svg.append(card.runs, card.outline);
    card.svg.addEventListener('pointermove', (event) => onPointer(view, card, event));
    card.svg.addEventListener('pointerdown', (event) => onPointer(view, card, event));
    card.svg.addEventListener('pointerleave', () => hide(view));
    card.svg.addEventListener('keydown', (event) => onKey(view, card, event));
    card.svg.addEventListener('focus', () => {
      if (card.svg.matches(':focus-visible')) showFocused(view, card);
    });
    card.svg.addEventListener('blur', () => hide(view));
    const heading = element('div', 'memory-map-heading');
    const zooms = element('div', 'memory-map-zooms');
    zooms.append(
      button('+', `larger frames of ${region.name}`, () => zoom(view, card, 2)),
      button('\u2212', `smaller frames of ${region.name}`, () => zoom(view, card, 0.5)),
    );
    heading.append(card.title, card.where, zooms);
    card.section.append(heading, card.facts, card.svg);
    return card;
  }

  function facts(region) {
    const free = region.frames - region.used;
    const size = (count) => bytesText(count * region.frame_size);
    const share = (count) => `${((100 * count) / region.frames).toFixed(count * 1000 < region.frames ? 2 : 0)} %`;
    return [
      ['used', `${region.used.toLocaleString('en')} (${share(region.used)})`, size(region.used)],
      ['free', free.toLocaleString('en'), size(free)],
      ['peak', region.peak.toLocaleString('en'), size(region.peak)],
      ['failed', region.failed.toLocaleString('en'), 'searches that found nothing'],
      ['largest free run', region.largest.toLocaleString('en'), size(region.largest)],
      [
        'fragmentation',
        free ? `${Math.round(100 - (100 * region.largest) / free)} %` : '-',
        'of what is free, outside of it',
      ],
    ];
  }

  function classOf(view, [, , state, owner]) {
    if (owner === undefined || owner === null || state === 'free') return state;
    if (!view.owners.has(owner)) view.owners.set(owner, view.owners.size % OWNER_COLOURS);
    return `${state} memory-map-owner-${view.owners.get(owner)}`;
  }

  function drawRegion(view, card) {
    const { region } = card;
    const lines = Math.ceil(region.frames / card.row);
    const isOfTheFirmware = region.runs.every(([, , state]) => state === 'firmware');
    card.section.classList.toggle('memory-map-of-the-firmware', isOfTheFirmware);
    card.height = isOfTheFirmware
      ? Math.max(3, 12 / lines)
      : ROW_HEIGHTS[lines > 32 ? 0 : lines > 12 ? 1 : lines > 4 ? 2 : 3];
    const end = region.base + region.frames * region.frame_size;
    card.title.textContent = region.name;
    card.where.textContent = `${hex(region.base)} to ${hex(end)}, ${framesText(region.frames)} of ${bytesText(region.frame_size)}`;
    if (region.attributes) card.where.textContent += `, ${region.attributes}`;
    card.facts.replaceChildren();
    for (const [term, value, remark] of facts(region)) {
      const fact = element('div');
      fact.append(element('dt', '', term), element('dd', '', value), element('dd', 'memory-map-remark', remark));
      card.facts.append(fact);
    }
    const columns = Math.min(card.row, region.frames);
    card.svg.setAttribute('viewBox', `-1 -1 ${WIDTH + 2} ${lines * card.height + 2}`);
    card.svg.setAttribute(
      'aria-label',
      `${region.name}: ${region.used} of ${region.frames} frames used, ${columns} in a row. Arrow keys go from run to run.`,
    );
    const paths = new Map();
    for (const run of region.runs) {
      const key = classOf(view, run);
      paths.set(key, (paths.get(key) ?? '') + shapes(card, run[0], run[0] + run[1]));
    }
    card.runs.replaceChildren();
    for (const [key, d] of paths) {
      const state = key.split(' ')[0];
      card.runs.append(drawing('path', { class: `memory-map-run memory-map-${key}`, d }));
      if (HATCHED.includes(state)) card.runs.append(drawing('path', { fill: `url(#${card.id}-${state})`, d }));
    }
    card.frame = Math.min(card.frame, region.frames - 1);
  }

  function drawLegend(view, snapshot) {
    const present = new Set();
    const owners = new Set();
    for (const region of snapshot.regions) {
      for (const run of region.runs) {
        present.add(run[2]);
        if (run[3] !== undefined && run[3] !== null && run[2] !== 'free') owners.add(run[3]);
      }
    }
    view.legend.replaceChildren();
    const add = (className, state, text) => {
      const item = element('li');
      const svg = drawing('svg', { class: 'memory-map-swatch', viewBox: '0 0 18 12', 'aria-hidden': 'true' });
      svg.append(drawing('rect', { class: `memory-map-run ${className}`, width: 18, height: 12 }));
      const card = view.cards.values().next().value;
      if (card && HATCHED.includes(state)) {
        svg.append(drawing('rect', { fill: `url(#${card.id}-${state})`, width: 18, height: 12 }));
      }
      item.append(svg, element('span', '', text));
      view.legend.append(item);
    };
    for (const state of Object.keys(STATES)) if (present.has(state)) add(`memory-map-${state}`, state, STATES[state]);
    for (const owner of owners) {
      add(`memory-map-allocated memory-map-owner-${view.owners.get(owner)}`, 'allocated', `owner ${owner}`);
    }
  }

  function newView(container) {
    const view = { cards: new Map(), owners: new Map() };
    view.legend = element('ul', 'memory-map-legend');
    view.regions = element('div', 'memory-map-regions');
    view.tooltip = element('div', 'memory-map-tooltip');
    view.tooltip.setAttribute('role', 'status');
    view.tooltip.hidden = true;
    container.classList.add('memory-map');
    container.replaceChildren(view.legend, view.regions, view.tooltip);
    return view;
  }

  return function drawMemoryMap(container, snapshot) {
    let view = views.get(container);
    if (!view) {
      view = newView(container);
      views.set(container, view);
    }
    const names = snapshot.regions.map((region) => region.name);
    for (const [name, card] of view.cards) {
      if (!names.includes(name)) {
        card.section.remove();
        view.cards.delete(name);
      }
    }
    snapshot.regions.forEach((region, place) => {
      let card = view.cards.get(region.name);
      if (!card) {
        card = newCard(view, region);
        view.cards.set(region.name, card);
      }
      card.region = region;
      if (view.regions.children[place] !== card.section) {
        view.regions.insertBefore(card.section, view.regions.children[place] ?? null);
      }
      drawRegion(view, card);
    });
    drawLegend(view, snapshot);
    const focused = [...view.cards.values()].find((card) => card.svg === document.activeElement);
    if (focused && !view.tooltip.hidden) showFocused(view, focused);
    else hide(view);
  };
})();
