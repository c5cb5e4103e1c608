// The answers: where each came from and who took it up; and the list of changes.

const swatch = (run, answer) => h('span', { class: `swatch fill-${run.colour(answer)}${answer !== null && answer === run.right ? ' right' : ''}` }, answer === null ? '·' : run.letter(answer));

function answer_table(run, view) {
  const most = run.paths.length;
  const rows = run.order.map(answer => {
    const row = run.answers[answer], first = row.first;
    const bars = row.counts.map((count, column) => h('i', { vars: { height: `${Math.round(100 * count / most)}%` }, title: `${run.column_name(column)}: ${count} of ${most}` }));
    const from = Object.entries(row.from).map(([name, count]) => `${name}${count > 1 ? ` ×${count}` : ''}`);
    return h('tr', { class: view.only === answer ? 'chosen' : null },
      h('td', null, button(swatch(run, answer), () => view.filter(answer), { class: 'plain', 'aria-pressed': view.only === answer, 'aria-label': `Show only paths with answer ${run.letter(answer)}` })),
      h('td', { class: 'answer' }, clip(row.answer, 60), answer === run.answer && h('span', { class: 'tag' }, 'elected'), answer === run.right && h('span', { class: 'tag good' }, 'right')),
      h('td', { class: 'bars', role: 'img', 'aria-label': row.counts.map((count, column) => `${run.column_name(column)}: ${count}`).join(', ') }, h('div', null, bars)),
      h('td', { class: 'n' }, row.counts.at(-1)),
      h('td', null, first ? `${first.paths.slice(0, 2).join(', ')}${first.paths.length > 2 ? ` and ${first.paths.length - 2} more` : ''}, ${run.column_name(first.column)}` : '–'),
      h('td', null, row.taken_up ? `${row.taken_up}×, from ${from.slice(0, 2).join(', ')}${from.length > 2 ? ', …' : ''}` : '–'),
      h('td', null, button('✓', () => view.mark_right(answer), { class: 'plain check', title: 'Mark as the right answer', 'aria-label': `Mark answer ${run.letter(answer)} as right`, 'aria-pressed': answer === run.right })));
  });
  return h('div', { class: 'scroll' }, h('table', { class: 'list answers' },
    h('thead', null, h('tr', null, ['', 'answer', 'over the blocks', 'now', 'first held by', 'taken up', ''].map((name, n) => h('th', { scope: 'col' }, n === 3 ? (run.over ? 'votes' : 'now') : name)))),
    h('tbody', null, rows)));
}

const MOST_CHANGES = 10;
function change_list(run, view) {
  if (!run.changes.length) return h('p', { class: 'about' }, 'No path changed its answer after it had read its peers.');
  const rows = run.changes.map(change => {
    const p = run.at.get(change.path);
    return h('li', null, button([h('span', { class: 'name' }, change.path), ' ', change.before === null ? 'took up' : [swatch(run, change.before), ' →'], ' ', swatch(run, change.after), ' ', clip(run.text(change.after), 24),
      h('span', { class: 'about' }, ` after block ${change.block}${change.sources.length ? `, held by ${change.sources.join(', ')}` : ', held by no peer that it read'}`)],
    () => { view.select(p, change.block - 1, true); view.open(); }, { class: 'plain row' }));
  });
  const list = h('ol', { class: 'changes' }, rows.slice(0, MOST_CHANGES));
  const more = rows.length > MOST_CHANGES && button(`${rows.length - MOST_CHANGES} more`, event => { list.append(...rows.slice(MOST_CHANGES)); event.target.remove(); }, { class: 'more' });
  return h('div', null, list, more);
}

function vote_bar(run) {
  const votes = run.votes.length ? run.votes : run.order.map(answer => ({ answer, votes: run.answers[answer].counts.at(-1) })).filter(row => row.votes);
  const none = run.paths.length - votes.reduce((sum, row) => sum + row.votes, 0);
  const parts = [...votes, ...(none > 0 ? [{ answer: null, votes: none }] : [])];
  return h('div', { class: 'votes', role: 'img', 'aria-label': parts.map(row => `${run.text(row.answer)}: ${row.votes}`).join('; ') },
    parts.map(row => h('span', { class: `fill-${run.colour(row.answer)}`, vars: { 'flex-grow': row.votes }, title: `${clip(run.text(row.answer), 80)}: ${plural(row.votes, 'path')}` }, row.answer === null ? '·' : run.letter(row.answer), ' ', row.votes)));
}
