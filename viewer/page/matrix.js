// The answer matrix: who held which answer when. Rows are paths, columns are LeaP blocks and the end.

function matrix(run, view) {
  const other = view.other;
  const rows = view.rows();
  const table = h('table', { class: rows.length > 24 ? 'matrix dense' : 'matrix', role: 'grid', vars: { '--columns': run.columns }, 'aria-label': 'Which answer each path held at each LeaP block' });
  const heads = Array.from({ length: run.columns }, (_, column) => h('th', { scope: 'col', class: other && column >= other.block ? 'parted' : null }, run.column_name(column)));
  table.append(h('thead', null, h('tr', null, h('th', { scope: 'col', class: 'corner' }, 'path'), heads)));
  const body = h('tbody');
  for (const p of rows) {
    const cells = Array.from({ length: run.columns }, (_, column) => cell(run, view, p, column));
    body.append(h('tr', { data: { p } }, h('th', { scope: 'row', title: run.names[p] }, h('span', { class: 'name' }, run.names[p])), cells));
  }
  table.append(body);
  const place = event => event.target.closest('td[data-column]');
  table.addEventListener('click', event => { const td = place(event); if (td) { view.select(+td.dataset.p, +td.dataset.column, true); view.open(); } });
  table.addEventListener('mouseover', event => { const td = place(event); view.preview(td ? +td.dataset.p : null, td ? +td.dataset.column : null); tip(event, td && cell_lines(run, +td.dataset.p, +td.dataset.column)); });
  table.addEventListener('mouseleave', event => { view.preview(null, null); tip(event, null); });
  table.addEventListener('focusin', event => { const td = place(event); if (td) view.select(+td.dataset.p, +td.dataset.column); });
  return h('div', { class: 'scroll', tabindex: -1 }, table);
}

function cell(run, view, p, column) {
  const path = run.paths[p], answer = path.held[column], change = run.changed.get(`${p}:${column}`);
  const last = column === run.columns - 1, failed = path.status === 'failed' && last;
  const ended = run.ended(p, column), marks = [];
  if (change) marks.push(h('i', { class: change.sources.length ? 'mark took' : 'mark own', 'aria-hidden': true }, change.sources.length ? '◀' : '◁'));
  if (last && path.status === 'forced') marks.push(h('i', { class: 'mark forced', 'aria-hidden': true }, '!'));
  if (tools_at(run, p, column).length) marks.push(h('i', { class: 'mark tool', 'aria-hidden': true }, '⚒'));
  const label = answer === null ? '' : h('b', null, run.letter(answer));
  const value = failed ? 'failed' : answer === null ? '·' : clip(run.text(answer), 14);
  const td = h('td', {
    class: ['cell', `fill-${failed ? 'none' : run.colour(answer)}`, ended && 'ended', answer !== null && answer === run.right && 'right'].filter(Boolean).join(' '),
    tabindex: -1, role: 'gridcell', data: { p, column }, 'aria-label': cell_lines(run, p, column).join('. '),
  }, h('span', { class: 'in' }, label, h('span', { class: 'value' }, value), marks));
  const other = view.other;
  if (other && column >= other.block && other.run.at.has(path.name)) {
    const q = other.run.at.get(path.name), held = other.run.paths[q].held[Math.min(column, other.run.columns - 1)];
    const same = held === null ? null : run.answers.findIndex(row => row.answer === other.run.text(held));
    td.classList.add('two');
    td.append(h('span', { class: `in beside fill-${held === null ? 'none' : same >= 0 ? run.colour(same) : 'many'}` },
      h('b', null, held === null ? '' : same >= 0 ? run.letter(same) : '*'), h('span', { class: 'value' }, held === null ? '·' : clip(other.run.text(held), 14))));
  }
  return td;
}

// Tool calls of the round that ends at this column.
const tools_at = (run, p, column) => run.tools[p].filter(segment => segment.round === column);

function cell_lines(run, p, column) {
  const path = run.paths[p], answer = path.held[column], lines = [];
  lines.push(`${path.name}, ${run.column_name(column)}: ${answer === null ? 'no answer yet' : clip(run.text(answer), 80)}${answer !== null && answer === run.right ? ' (right)' : ''}`);
  const change = run.changed.get(`${p}:${column}`);
  if (change) lines.push(`${change.before === null ? 'took it up' : `changed from ${clip(run.text(change.before), 40)}`} after block ${change.block}${change.sources.length ? `; held by ${change.sources.join(', ')}, whom it read` : '; no peer that it read held it'}`);
  if (column < run.blocks.length) {
    const block = run.blocks[column];
    if (run.took_part(p, column)) {
      const read = run.read(column, p);
      lines.push(`then reads ${read.length ? read.map(name => { const similar = run.similarity(column, path.name, name); return `${name}${similar === null ? '' : ` (similarity ${similar.toFixed(2)})`}`; }).join(', ') : 'no peer'}`);
      if (block.effects[path.name]) lines.push(EFFECTS[block.effects[path.name]]);
    } else if (path.name in block.probes) lines.push('was asked beside its thought, and goes on undisturbed');
    else lines.push(path.name in block.summaries ? 'has ended, and shares its conclusion' : 'has ended');
  } else {
    if (path.status === 'forced') lines.push('was asked for its answer: its budget was used up, or it ended without a box');
    else if (path.status === 'failed') lines.push(`failed: ${clip(path.error, 200)}`);
    else lines.push(path.status);
  }
  for (const segment of tools_at(run, p, column)) lines.push(`tool ${segment.tool?.name || '?'}: ${segment.tool?.status || ''}${segment.tool?.printed ? `, printed ${clip(segment.tool.printed, 60)}` : ''}`);
  return lines;
}
