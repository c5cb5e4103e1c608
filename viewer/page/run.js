// One run as the views read it: answers with their letters and colours, paths, blocks, the layout of the lanes.

const LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ';
const COLOURS = 8;

class Run {
  constructor(data, index) {
    Object.assign(this, data);
    this.index = index;
    this.names = this.paths.map(path => path.name);
    this.at = new Map(this.names.map((name, n) => [name, n]));
    this.columns = this.blocks.length + 1;
    this.over = this.state === 'ended';
    const final = answer => this.answers[answer].counts.at(-1);
    const peak = answer => Math.max(...this.answers[answer].counts);
    this.order = this.answers.map((_, n) => n).filter(n => peak(n) > 0 || n === this.gold || n === this.answer)
      .sort((a, b) => final(b) - final(a) || peak(b) - peak(a) || a - b);
    this.rank = new Map(this.order.map((answer, n) => [answer, n]));
    this.right = this.gold;
    const prefix = common(this.names);
    this.short = this.names.map(name => name.slice(prefix.length) || name);
    this.changed = new Map(); // `path:column` of a changed answer
    for (const change of this.changes) {
      const p = this.at.get(change.path);
      const column = this.paths[p].held.findIndex((held, n) => n >= change.block && held === change.after);
      if (column >= 0) this.changed.set(`${p}:${column}`, change);
    }
    this.tools = this.paths.map(path => path.segments.filter(segment => segment.kind === 'tool'));
  }

  letter(answer) { const n = this.rank.get(answer); return n === undefined ? '?' : n < 26 ? LETTERS[n] : `${n + 1}`; }
  colour(answer) { const n = this.rank.get(answer); return answer === null || n === undefined ? 'none' : n < COLOURS ? `a${n}` : 'many'; }
  text(answer) { return answer === null || answer === undefined ? 'no answer' : this.answers[answer].answer; }
  short_name(p) { return this.short[p]; }
  // The column at which a path ended: from there on it writes nothing new.
  ended(p, column) { return column < this.blocks.length && !(this.names[p] in this.blocks[column].routes) && !(this.names[p] in this.blocks[column].probes); }
  took_part(p, column) { return column < this.blocks.length && this.names[p] in this.blocks[column].routes; }
  similarity(block, a, b) {
    const { paths, similarity } = this.blocks[block];
    const [i, j] = [paths.indexOf(a), paths.indexOf(b)];
    return i < 0 || j < 0 ? null : similarity[i][j];
  }
  read(block, p) { return this.blocks[block].routes[this.names[p]] || []; }
  column_name(column) { return column < this.blocks.length ? `block ${this.blocks[column].number}` : this.over ? 'end' : 'now'; }
  later(p) { return this.embedded ? Promise.resolve(this.paths[p].segments) : later(`r${this.index}-${p}`); }
  get timed() { return this.paths.every(path => path.segments.every(segment => segment.kind === 'prompt' || segment.kind === 'error' || segment.seconds !== null)); }

  // Where each segment lies, in tokens or in seconds. A round begins for all paths at once; who is done waits.
  layout(unit) {
    const size = segment => unit === 'tokens' ? segment.tokens : segment.seconds || 0;
    const last = Math.max(0, ...this.paths.flatMap(path => path.segments.map(segment => segment.round)));
    const parts = [], lanes = this.paths.map(() => ({ rects: [], waits: [], ends: [] }));
    let x = 0;
    for (let round = 0; round <= last; round++) for (const block of [false, true]) {
      const begin = x;
      const ends = this.paths.map((path, p) => {
        let at = begin, any = false;
        path.segments.forEach((segment, n) => {
          if (segment.kind === 'prompt' || segment.round !== round || segment.block !== block) return;
          any = true;
          lanes[p].rects.push({ n, x: at, width: size(segment), kind: kind_of(segment) });
          at += size(segment);
        });
        return any ? at : null;
      });
      const end = Math.max(begin, ...ends.filter(value => value !== null));
      if (ends.every(value => value === null)) continue;
      ends.forEach((value, p) => {
        const path = this.paths[p];
        const goes_on = path.segments.some(segment => segment.round > round || (segment.round === round && segment.block && !block));
        if (value !== null && value < end && goes_on) lanes[p].waits.push({ x: value, width: end - value });
      });
      parts.push({ round, block, begin, end });
      x = end;
    }
    return { total: x, parts, lanes };
  }
}

const KINDS = { own: 'own text', summary: 'summary', inserted: 'inserted', tool: 'tool', answer: 'answer', error: 'error' };
function kind_of(segment) {
  if (segment.kind === 'thought') return 'own';
  return ['summary', 'tool', 'answer', 'error'].includes(segment.kind) ? segment.kind : 'inserted';
}
function common(names) {
  if (names.length < 2) return '';
  let n = 0;
  while (n < names[0].length && names.every(name => name[n] === names[0][n])) n++;
  return names[0].slice(0, n).replace(/\d+$/, '');
}

const EFFECTS = {
  consistent: 'consistent: held what most of the read peers held, before and after',
  unaffected: 'unaffected: held another answer than the read peers, and kept it',
  influenced: 'influenced: changed to an answer that a read peer held',
  changed: 'changed to an answer that no read peer held',
};
