// The questions of an eval: what the method rescued, what it spoiled; each opens as its runs.

const OUTCOMES = { rescued: 'rescued: the baseline elected a wrong answer, this one the right one', spoiled: 'spoiled: the baseline elected the right answer, this one a wrong one', right: 'right', wrong: 'wrong' };
const ROWS_AT_ONCE = 300;

class Questions {
  constructor(data, app) {
    this.data = data;
    this.app = app;
    this.one = data.files.length === 1;
    this.file = this.one ? 0 : data.files.findIndex((_, n) => n !== data.baseline);
    this.kind = null;
    this.words = '';
    this.sort = { key: 'place', up: true };
    this.stop = null;
    data.rows.forEach((row, n) => { row.place = n; });
  }

  label(outcome) { return this.one || outcome === 'rescued' || outcome === 'spoiled' ? outcome : `unchanged: ${outcome}`; }
  value(row, key) {
    const mine = row.files[this.file], theirs = row.files[this.data.baseline ?? this.file];
    return { place: row.place, question: row.question, gold: row.gold, theirs: theirs.pass, mine: mine.pass, outcome: ['rescued', 'spoiled', 'right', 'wrong'].indexOf(row.outcomes[this.file]), gain: mine.pass - theirs.pass, tokens: mine.tokens, seconds: mine.seconds ?? 0 }[key];
  }
  found() {
    const words = this.words.toLowerCase(), { key, up } = this.sort;
    const rows = this.data.rows.filter(row => (this.kind === null || row.outcomes[this.file] === this.kind)
      && (!words || [row.question, row.text, row.gold, ...row.files.map(cell => cell.answer)].some(text => String(text ?? '').toLowerCase().includes(words))));
    const order = (a, b) => { const [x, y] = [this.value(a, key), this.value(b, key)]; return (x < y ? -1 : x > y ? 1 : a.place - b.place) * (up ? 1 : -1); };
    return rows.sort(order);
  }

  draw() {
    this.stop?.();
    this.stop = null;
    const { data } = this, counts = {};
    for (const row of data.rows) counts[row.outcomes[this.file]] = (counts[row.outcomes[this.file]] || 0) + 1;
    document.title = `${clip(data.task, 60)} · peerleap`;
    const kinds = this.one ? ['right', 'wrong'] : ['rescued', 'spoiled', 'right', 'wrong'];
    put(this.app,
      h('header', { class: 'top' }, h('p', { class: 'kicker' }, this.one ? 'eval' : 'comparison'), h('h1', null, data.task),
        h('dl', { class: 'facts' }, [['model', data.model], ['questions and runs', number(data.rows.length)], ...data.files.map((file, n) => [n === data.baseline ? 'baseline' : 'method', file.name])].map(([name, value]) => h('div', null, h('dt', null, name), h('dd', null, value))))),
      section('questions', this.one ? 'Which questions it got right' : `What ${data.files[this.file].name} changed`, this.one ? 'By the vote of the paths. A question opens as its run.' : 'By the vote of the paths, as each file was run; equal costs are in the tables of peerleap compare. A question opens as its runs.',
        data.files.length > 2 && h('div', { class: 'tabs', role: 'group', 'aria-label': 'Method' }, data.files.map((file, n) => n === data.baseline ? null : button(file.name, () => { this.file = n; this.kind = null; this.draw(); }, { 'aria-pressed': this.file === n }))),
        h('div', { class: 'outcomes' }, kinds.map(kind => button([h('b', null, number(counts[kind] || 0)), h('span', null, this.label(kind))], () => { this.kind = this.kind === kind ? null : kind; this.draw(); }, { class: `outcome ${kind}`, 'aria-pressed': this.kind === kind, title: OUTCOMES[kind] }))),
        h('div', { class: 'bar' }, h('input', { type: 'search', placeholder: 'filter by id, question or answer', 'aria-label': 'Filter', value: this.words, on: { input: event => { this.words = event.target.value; this.draw_table(); } } })),
        h('div', { id: 'table' })),
      h('footer', null, `${data.generator} · this file loads nothing from anywhere`));
    this.draw_table();
    performance.mark('interactive');
  }

  draw_table() {
    const rows = this.found();
    const columns = [['question', 'question'], ['gold', 'right answer'], ...(this.one ? [] : [['theirs', 'baseline: vote, Pass@1']]), ['mine', this.one ? 'vote, Pass@1' : 'method: vote, Pass@1'], ...(this.one ? [] : [['gain', 'gain']]), ['outcome', 'outcome'], ['tokens', 'tokens'], ['seconds', 'seconds']];
    const head = columns.map(([key, name]) => h('th', { scope: 'col', 'aria-sort': this.sort.key === key ? (this.sort.up ? 'ascending' : 'descending') : 'none' }, button([name, this.sort.key === key ? (this.sort.up ? ' ▲' : ' ▼') : ''], () => { this.sort = { key, up: this.sort.key === key ? !this.sort.up : key === 'question' || key === 'gold' || key === 'outcome' }; this.draw_table(); }, { class: 'plain' })));
    const body = h('tbody', null, rows.slice(0, ROWS_AT_ONCE).map(row => this.row(row)));
    const more = from => from < rows.length && button(`${number(rows.length - from)} more`, event => { body.append(...rows.slice(from, from + ROWS_AT_ONCE).map(row => this.row(row))); event.target.replaceWith(more(from + ROWS_AT_ONCE) || ''); }, { class: 'more' });
    put($('table'), h('div', { class: 'scroll' }, h('table', { class: 'list questions' }, h('thead', null, h('tr', null, head)), body)), rows.length === 0 && h('p', { class: 'about' }, 'No question.'), more(ROWS_AT_ONCE));
  }

  row(row) {
    const vote = cell => [h('span', { class: cell.right ? 'yes' : 'no' }, cell.right ? '✓ ' : '✗ '), clip(cell.answer ?? 'no answer', 40), h('span', { class: 'about' }, ` ${percent(cell.pass)}`)];
    const mine = row.files[this.file], theirs = this.one ? null : row.files[this.data.baseline], gain = this.one ? 0 : mine.pass - theirs.pass, outcome = row.outcomes[this.file];
    return h('tr', null,
      h('td', { class: 'what' }, row.runs ? button(clip(row.question, 40), () => this.open(row), { class: 'plain link' }) : clip(row.question, 40), row.run ? h('span', { class: 'about' }, ` run ${row.run}`) : '', row.text && h('div', { class: 'about' }, clip(row.text, 110))),
      h('td', null, clip(row.gold, 40)), theirs && h('td', null, vote(theirs)), h('td', null, vote(mine)), theirs && h('td', { class: 'n' }, `${gain > 0 ? '+' : gain < 0 ? '−' : ''}${Math.round(100 * Math.abs(gain))}`),
      h('td', null, h('span', { class: `tag outcome ${outcome}`, title: OUTCOMES[outcome] }, this.label(outcome))), h('td', { class: 'n' }, number(mine.tokens)), h('td', { class: 'n' }, mine.seconds === null || mine.seconds === undefined ? '–' : mine.seconds.toFixed(1)));
  }

  async open(row, file = this.file) {
    const runs = await later(`q${row.place}`), page = h('div');
    this.stop?.();
    const tabs = this.data.files.map((one, n) => button(one.name, () => this.open(row, n), { 'aria-pressed': n === file }));
    put(this.app, h('nav', { class: 'bar', 'aria-label': 'Question' }, button('◀ all questions', () => this.draw()), tabs), page);
    this.stop = run_page({ ...runs[file], embedded: true }, [], page);
    scrollTo(0, 0);
  }
}

const questions_page = app => new Questions(HEAD, app).draw();
