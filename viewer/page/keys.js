// Keys: move through paths, blocks and marks without a mouse.

const KEYS = [
  ['j, k', 'next, previous path', ['j', 'k', 'ArrowDown', 'ArrowUp']], ['h, l', 'block to the left, to the right', ['h', 'l', 'ArrowLeft', 'ArrowRight']],
  ['n, p', 'next, previous mark: changed answers, tools, forced answers', ['n', 'p']], ['Enter', 'before, read and after, side by side', ['Enter']],
  ['w', 'whole text of the path', ['w']], ['t', 'lanes by tokens or by seconds', ['t']], ['g', 'group paths by their answer', ['g']], ['?', 'this list', ['?']], ['Esc', 'close', []],
];

function key_help() {
  show_dialog('Keys', [], h('dl', { class: 'settings one' }, KEYS.map(([keys, text]) => h('div', null, h('dt', null, keys.split(', ').flatMap((key, n) => [n ? ' ' : '', h('kbd', null, key)])), h('dd', null, text)))), true);
}

function on_key(event, run, view) {
  if (event.ctrlKey || event.metaKey || event.altKey || /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName)) return;
  if (event.key === '?') { key_help(); return; }
  const in_dialog = $('dialog').open, arrow = event.key.startsWith('Arrow');
  if (arrow && (in_dialog || !event.target.closest('td.cell'))) return;
  if (event.key === 'Enter' && !event.target.closest('td.cell') && event.target !== document.body) return;
  const rows = view.rows(), { p, column } = view.at, row = Math.max(0, rows.indexOf(p)), last = run.columns - 1;
  const go = (q, c) => { view.select(rows[Math.max(0, Math.min(rows.length - 1, q))], Math.max(0, Math.min(last, c)), true); if (in_dialog) view.open(); event.preventDefault(); };
  switch (event.key) {
    case 'j': case 'ArrowDown': go(row + 1, column); break;
    case 'k': case 'ArrowUp': go(row - 1, column); break;
    case 'l': case 'ArrowRight': go(row, column + 1); break;
    case 'h': case 'ArrowLeft': go(row, column - 1); break;
    case 'n': case 'p': {
      const marks = view.marks(), here = column * rows.length + row, order = mark => mark.column * rows.length + rows.indexOf(mark.p);
      const found = event.key === 'n' ? marks.find(mark => order(mark) > here) : marks.findLast(mark => order(mark) < here);
      if (found) go(rows.indexOf(found.p), found.column);
      break;
    }
    case 'Enter': if (!in_dialog) { view.open(); event.preventDefault(); } break;
    case 'w': view.open_text(p); break;
    case 't': view.switch_unit(); break;
    case 'g': view.switch_order(); break;
  }
}
