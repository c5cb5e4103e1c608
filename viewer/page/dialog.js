// Before, read, after: one reader in one block, side by side.

const PART = 1600;

function show_dialog(title, bar, body, small = false) {
  const dialog = $('dialog');
  dialog.className = small ? 'small' : '';
  put(dialog, h('header', null, h('h2', { id: 'dialog-title' }, title), h('div', { class: 'bar' }, bar, button('×', () => dialog.close(), { class: 'close', 'aria-label': 'Close' }))), body);
  dialog.setAttribute('aria-labelledby', 'dialog-title');
  if (!dialog.open) dialog.showModal();
  tip({}, null);
}

function open_block(run, view, p, column) {
  const path = run.paths[p];
  if (column >= run.blocks.length) { open_text(run, view, p); return; }
  const block = run.blocks[column], reads = block.routes[path.name], step = (dp, dc) => () => {
    const rows = view.rows(), q = rows[Math.max(0, Math.min(rows.length - 1, rows.indexOf(p) + dp))];
    view.select(q, Math.max(0, Math.min(run.blocks.length - 1, column + dc)), true); view.open();
  };
  const bar = [button('◀ block', step(0, -1), { disabled: column === 0 }), button('block ▶', step(0, 1), { disabled: column === run.blocks.length - 1 }), button('▲ path', step(-1, 0)), button('path ▼', step(1, 0)), button('whole text', () => open_text(run, view, p))];
  const three = h('div', { class: 'three' }, ['before', 'read', 'after'].map(name => h('section', { class: name }, h('h3', null, name), h('p', { class: 'about' }, 'reading …'))));
  show_dialog(`${path.name}, block ${block.number}`, bar, three);
  later_texts(run, p).then(texts => {
    const [before, read, after] = three.children;
    const own = (round, in_block) => path.segments.map((segment, n) => [segment, texts[n]]).filter(([segment]) => segment.round === round && segment.block === in_block && segment.kind !== 'prompt');
    const held = column_answer(run, p, column), next = column_answer(run, p, column + 1), effect = block.effects[path.name];
    put(before, h('h3', null, 'before ', held), long_text(own(column, false), true), summary_box(run, path.name, column));
    put(read, h('h3', null, reads === undefined ? 'has ended' : reads.length ? `read ${plural(reads.length, 'peer')}` : 'read no peer'),
      (reads || []).map(name => h('article', { class: 'peer' }, h('h4', null, run.at.has(name) ? column_answer(run, run.at.get(name), column) : '', ` ${name} `, similarity_word(run.similarity(column, path.name, name))), h('p', { class: 'text' }, block.summaries[name]?.text || ''), block.summaries[name]?.cut && h('span', { class: 'tag' }, 'cut at its limit'))),
      block.hint && h('article', { class: 'peer' }, h('h4', null, 'a person'), h('p', { class: 'text' }, block.hint)), inserted(own(column, true)));
    put(after, h('h3', null, 'after ', next, effect && h('span', { class: `effect ${effect}` }, effect)), effect && h('p', { class: 'about' }, EFFECTS[effect]), long_text(own(column + 1, false), false),
      column + 1 < run.blocks.length && run.took_part(p, column + 1) && summary_box(run, path.name, column + 1));
  }).catch(error => put(three, h('p', null, `The texts cannot be read: ${error.message}`)));
}

const column_answer = (run, p, column) => { const answer = run.paths[p].held[Math.min(column, run.columns - 1)]; return [swatch(run, answer), h('span', { class: 'held' }, ` ${answer === null ? 'no answer yet' : clip(run.text(answer), 40)} `)]; };
const similarity_word = value => value === null ? '' : h('span', { class: 'about' }, `similarity ${value.toFixed(2)}`);

function summary_box(run, name, column) {
  const summary = run.blocks[column].summaries[name];
  if (!summary) return h('p', { class: 'about' }, 'wrote no summary');
  const evidence = (summary.evidence || []).map(one => `${one.tool} ×${one.calls}${one.output ? `: ${one.output}` : ''}`);
  return h('article', { class: 'own-summary' }, h('h4', null, 'its summary ', h('span', { class: 'about' }, summary.tokens ? plural(summary.tokens, 'token') : 'its conclusion')), h('p', { class: 'text' }, summary.text || '(empty)'),
    summary.cut && h('span', { class: 'tag' }, 'cut at its limit'), summary.no_claim && h('span', { class: 'tag' }, 'states no finding: read by nobody'), evidence.length > 0 && h('p', { class: 'about' }, `checked: ${evidence.join('; ')}`));
}

// The end of what was written (or its beginning and its end), and all of it on request.
function long_text(pieces, from_end) {
  const texts = pieces.map(([, text]) => text.text).filter(text => text !== null);
  const text = texts.join('');
  if (!text) return h('p', { class: 'about' }, pieces.length && !texts.length ? 'its text is not stored here' : 'nothing');
  const body = h('p', { class: 'text' }, text.length <= PART ? text : from_end ? `… ${text.slice(-PART)}` : `${text.slice(0, PART - 400)}\n […]\n${text.slice(-400)}`);
  return h('div', null, body, text.length > PART && button(`all ${number(text.length)} characters`, event => { body.textContent = shown(text); event.target.remove(); }, { class: 'more' }));
}

function inserted(pieces) {
  const texts = pieces.filter(([segment]) => kind_of(segment) === 'inserted' && segment.tokens).map(([, text]) => text.text).filter(text => text !== null);
  return texts.length ? h('details', null, h('summary', null, 'as it was inserted'), texts.map(text => h('p', { class: 'text' }, text))) : null;
}
