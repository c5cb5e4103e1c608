// One run from the top down: question, answer, votes, matrix, lanes, blocks, changes, costs.

const HEAD = JSON.parse($('head').textContent);

class View {
  constructor(run, others) {
    this.run = run;
    this.others = others;
    this.other = null;
    this.at = { p: 0, column: 0 };
    this.block = 0;
    this.unit = 'tokens';
    this.grouped = false;
    this.only = null;
    this.geometry = null;
  }

  rows() {
    const rows = this.run.paths.map((_, p) => p), final = p => this.run.paths[p].held.at(-1);
    const kept = this.only === null ? rows : rows.filter(p => this.run.paths[p].held.includes(this.only));
    const place = p => { const rank = this.run.rank.get(final(p)); return rank === undefined ? 1e9 : rank; };
    return this.grouped ? kept.sort((a, b) => place(a) - place(b) || a - b) : kept;
  }
  width() { return ($('lanes')?.clientWidth || innerWidth) - 2; }
  marks() {
    const marks = [];
    for (let column = 0; column < this.run.columns; column++) for (const p of this.rows())
      if (this.run.changed.has(`${p}:${column}`) || tools_at(this.run, p, column).length || (column === this.run.columns - 1 && this.run.paths[p].status !== 'finished' && this.run.paths[p].status !== 'active')) marks.push({ p, column });
    return marks;
  }
  // Make a cell the current one; with `focus`, by key or by click, also bring it into view.
  select(p, column, focus = false) {
    this.at = { p, column };
    const td = document.querySelector(`td[data-p="${p}"][data-column="${column}"]`);
    for (const one of document.querySelectorAll('td.at')) { one.classList.remove('at'); one.tabIndex = -1; }
    if (td) { td.classList.add('at'); td.tabIndex = 0; if (focus && document.activeElement !== td && !$('dialog').open) td.focus(); }
    arrows(this.run, this, p, column);
    if (column < this.run.blocks.length && column !== this.block) this.choose_block(column);
  }
  preview(p, column) { if (p === null) arrows(this.run, this, this.at.p, this.at.column); else arrows(this.run, this, p, column); }
  open() { open_block(this.run, this, this.at.p, this.at.column); }
  open_text(p, n) { open_text(this.run, this, p, n); }
  filter(answer) { this.only = this.only === answer ? null : answer; if (!this.rows().includes(this.at.p)) this.at.p = this.rows()[0] ?? 0; this.draw(); }
  mark_right(answer) { this.run.right = this.run.right === answer ? null : answer; this.draw(); }
  switch_unit(unit) { const next = unit || (this.unit === 'tokens' ? 'seconds' : 'tokens'); if (next === 'seconds' && !this.run.timed) return; this.unit = next; this.draw_lanes(); }
  switch_order() { this.grouped = !this.grouped; this.draw(); }
  choose_block(n) { this.block = n; this.draw_block(); }
  choose_other(n) { this.other = n === null ? null : this.others[n]; this.draw(); }

  draw() {
    const run = this.run;
    put($('matrix-body'), matrix(run, this));
    put($('answers-body'), answer_table(run, this));
    put($('answers-bar'), this.controls());
    put($('changes-body'), change_list(run, this));
    this.draw_lanes();
    this.draw_block();
    this.select(this.at.p, this.at.column);
  }
  draw_lanes() {
    put($('lanes-bar'), ['tokens', 'seconds'].map(unit => button(unit, () => this.switch_unit(unit), { 'aria-pressed': this.unit === unit, disabled: unit === 'seconds' && !this.run.timed, title: unit === 'seconds' && !this.run.timed ? 'no times are stored in this run' : null })));
    put($('lanes-body'), lanes(this.run, this));
    arrows(this.run, this, this.at.p, this.at.column);
  }
  draw_block() { put($('blocks-body'), block_panel(this.run, this)); }
  controls() {
    const parts = [button('group by answer', () => this.switch_order(), { 'aria-pressed': this.grouped }), this.only !== null && button('show all paths', () => this.filter(this.only)), button('keys ?', key_help)];
    this.others.forEach((other, n) => parts.push(button(`${other.relation === 'original' ? 'beside the run it was forked from' : 'beside the fork'}: ${clip(other.run.name, 30)}`, () => this.choose_other(this.other === other ? null : n), { 'aria-pressed': this.other === other })));
    if (this.other) parts.push(h('span', { class: 'about' }, `above: this run; below: ${clip(this.other.run.name, 30)}, from block ${this.other.block} on`));
    return h('div', { class: 'bar' }, parts);
  }
}

function run_page(data, others, app) {
  const run = new Run(data, 0);
  const view = new View(run, others.map((other, n) => ({ ...other, run: new Run(other.run, n + 1) })));
  const models = [...new Set(Object.values(run.models))], set = run.settings;
  const facts = [run.name && ['run', run.name], models.length && ['model', models.join(', ')], ['paths', run.paths.length], ['LeaP blocks', run.blocks.length], set.router && ['router', `${set.router}, top ${set.top_k}`], set.interval && ['T', plural(set.interval, 'token')]].filter(Boolean);
  document.title = `${clip(run.question, 60)} · peerleap`;
  put(app, 
    h('header', { class: 'top' },
      h('p', { class: 'kicker' }, 'question'), h('h1', null, h('bdi', null, run.question.length > 600 ? `${run.question.slice(0, 600)} …` : run.question)),
      run.question.length > 600 && h('details', null, h('summary', null, 'the whole question'), h('p', { class: 'text' }, run.question)),
      h('div', { class: 'verdict' },
        h('div', null, h('p', { class: 'kicker' }, run.over ? 'answer' : 'not over'), h('p', { class: 'elected' }, run.over ? [run.answer !== null && swatch(run, run.answer), ' ', h('bdi', null, clip(run.text(run.answer), 300))] : `stopped before ${clip(run.next.join(', '), 120)}`)),
        h('div', null, h('p', { class: 'kicker' }, run.over ? 'votes' : 'answers so far'), vote_bar(run))),
      !run.over && run.name && h('p', { class: 'about' }, `Continue with: peerleap resume ${run.name}`),
      h('dl', { class: 'facts' }, facts.map(([name, value]) => h('div', null, h('dt', null, name), h('dd', null, value))))),
    section('answers', 'Who held which answer when', 'Each row is a path, each column a LeaP block: the answer that the path held as the block closed, before it read. Hover or focus a cell to see whom it read; open it to read along.',
      h('div', { id: 'answers-bar' }), h('div', { class: `columns wide${run.columns > 6 ? ' stack' : ''}${run.paths.length > 24 ? ' high' : ''}` }, h('div', { id: 'matrix-body' }), h('div', { id: 'answers-body' })),
      h('ul', { class: 'legend' }, [['◀', 'changed to an answer that a peer it read held'], ['◁', 'changed to another answer'], ['⚒', 'called a tool'], ['!', 'was asked for its answer'], ['faded', 'has ended']].map(([mark, text]) => h('li', null, h('b', null, mark), text)))),
    section('changes', 'Who changed its answer after reading', null, h('div', { id: 'changes-body' })),
    section('lanes', 'What each path wrote, and where it waited', null, h('div', { id: 'lanes-bar', class: 'tabs', role: 'group', 'aria-label': 'Unit' }), lane_legend(run), h('div', { class: 'scroll', id: 'lanes-body' })),
    section('blocks', 'Who read whom', null, h('div', { id: 'blocks-body' }), trend(run)),
    section('costs', 'What it cost', null, costs(run), settings(run)),
    h('footer', null, `${HEAD.generator} · this file loads nothing from anywhere`));
  const first = run.changes[0];
  view.at = first ? { p: run.at.get(first.path), column: first.block - 1 } : { p: 0, column: 0 };
  view.block = view.at.column;
  view.draw();
  const control = new AbortController(), { signal } = control;
  let timer = 0;
  document.addEventListener('keydown', event => on_key(event, run, view), { signal });
  addEventListener('resize', () => { clearTimeout(timer); timer = setTimeout(() => view.draw_lanes(), 150); }, { signal });
  performance.mark('interactive');
  return () => control.abort();
}

$('dialog').addEventListener('close', () => document.querySelector('td.at')?.focus());
addEventListener('click', event => { if (event.target === $('dialog')) $('dialog').close(); });
if (HEAD.kind === 'questions') questions_page($('app'));
else run_page(HEAD.run, HEAD.others, $('app'));
