// The lanes: what each path wrote and read, by tokens or by seconds; where it waited for its peers.

const LEFT = 92, RIGHT = 14, TOP = 26;

function lanes(run, view) {
  const unit = view.unit, plan = run.layout(unit);
  const rows = view.rows(), row = rows.length > 24 ? 12 : rows.length > 10 ? 17 : 26;
  const left = innerWidth < 640 ? 56 : LEFT;
  const width = Math.max(320, view.width()), height = TOP + rows.length * row + 26;
  const scale = plan.total ? (width - left - RIGHT) / plan.total : 1;
  const x = value => left + value * scale, y = n => TOP + n * row;
  const svg = s('svg', { class: row < 14 ? 'lanes small' : 'lanes', viewBox: `0 0 ${width} ${height}`, width, height, role: 'img',
    'aria-label': `Lanes of ${rows.length} paths by ${unit === 'tokens' ? 'tokens' : 'seconds'}; the table above can be read with the keyboard` },
    s('defs', null,
      s('pattern', { id: 'hatch', width: 5, height: 5, patternUnits: 'userSpaceOnUse', patternTransform: 'rotate(45)' }, s('line', { x1: 0, y1: 0, x2: 0, y2: 5, class: 'hatch' })),
      s('marker', { id: 'head', viewBox: '0 0 8 8', refX: 7, refY: 4, markerWidth: 6, markerHeight: 6, orient: 'auto' }, s('path', { d: 'M0 0 8 4 0 8z', class: 'arrowhead' }))));
  for (const part of plan.parts) if (part.block) {
    const to = Math.max(x(part.end), x(part.begin) + 1);
    svg.append(s('rect', { class: 'band', x: x(part.begin), y: TOP - 4, width: to - x(part.begin), height: rows.length * row + 8 }),
      s('text', { class: 'axis', x: (x(part.begin) + to) / 2, y: TOP - 10, 'text-anchor': 'middle' }, to - x(part.begin) > 46 ? `block ${part.round + 1}` : `${part.round + 1}`));
  }
  rows.forEach((p, n) => {
    const path = run.paths[p], lane = plan.lanes[p], group = s('g', { data: { p } });
    group.append(s('text', { class: 'name', x: left - 8, y: y(n) + row / 2 + 4, 'text-anchor': 'end' }, clip(left < LEFT ? run.short_name(p) : path.name, 13)));
    for (const wait of lane.waits) group.append(s('rect', { class: 'wait', fill: 'url(#hatch)', x: x(wait.x), y: y(n) + 3, width: Math.max(0, wait.width * scale), height: row - 6 }));
    for (const rect of lane.rects) {
      if (rect.width <= 0) continue;
      const inset = rect.kind === 'inserted' ? Math.round(row * 0.28) : 2;
      group.append(s('rect', { class: `k-${rect.kind}`, x: x(rect.x), y: y(n) + inset, width: Math.max(0.8, rect.width * scale - 0.6), height: row - 2 * inset, data: { p, n: rect.n } }));
    }
    const end = lane.rects.length ? lane.rects.at(-1).x + lane.rects.at(-1).width : 0, answer = path.held.at(-1);
    if (lane.rects.length && (path.status !== 'active')) group.append(s('text', { class: `end${path.status === 'finished' ? '' : ' forced'}`, x: Math.min(x(end) + 3, width - 12), y: y(n) + row / 2 + 4 },
      path.status === 'failed' ? '✕' : `${path.status === 'forced' ? '!' : ''}${answer === null ? '·' : run.letter(answer)}`));
    svg.append(group);
  });
  svg.append(axis(plan, x, height, unit), s('g', { id: 'arrows' }));
  view.geometry = { x, y, row, plan, rows };
  svg.addEventListener('mousemove', event => {
    const rect = event.target.closest('rect[data-n]');
    tip(event, rect && segment_lines(run, +rect.dataset.p, +rect.dataset.n, unit));
    const at = event.target.closest('g[data-p]');
    if (rect && run.paths[+rect.dataset.p].segments[+rect.dataset.n].block) view.preview(+at.dataset.p, run.paths[+rect.dataset.p].segments[+rect.dataset.n].round);
    else view.preview(null, null);
  });
  svg.addEventListener('mouseleave', event => { tip(event, null); view.preview(null, null); });
  svg.addEventListener('click', event => {
    const rect = event.target.closest('rect[data-n]');
    if (!rect) return;
    const p = +rect.dataset.p, segment = run.paths[p].segments[+rect.dataset.n];
    view.select(p, segment.block ? segment.round : view.at.column, true);
    if (segment.block) view.open(); else view.open_text(p, +rect.dataset.n);
  });
  return svg;
}

function segment_lines(run, p, n, unit) {
  const path = run.paths[p], segment = path.segments[n];
  const lines = [`${path.name}, round ${segment.round + 1}: ${KINDS[kind_of(segment)]}${segment.kind === 'thought' || segment.kind === kind_of(segment) ? '' : ` (${segment.kind})`}`];
  lines.push(`${plural(segment.tokens, 'token')}${segment.seconds ? `, ${seconds(segment.seconds)}` : ''}`);
  if (segment.sources) lines.push(`from ${segment.sources.join(', ')}`);
  if (segment.tool) lines.push(`${segment.tool.name}: ${segment.tool.status}`);
  if (segment.finish) lines.push(`ended: ${segment.finish}`);
  return lines;
}

function axis(plan, x, height, unit) {
  const group = s('g', { class: 'axis' }), step = nice(plan.total / 6);
  for (let value = 0; step > 0 && value <= plan.total; value += step)
    group.append(s('line', { x1: x(value), x2: x(value), y1: height - 22, y2: height - 18 }), s('text', { x: x(value), y: height - 6, 'text-anchor': 'middle' }, unit === 'tokens' ? number(value) : `${+value.toPrecision(3)} s`));
  return group;
}
const nice = value => { if (!(value > 0)) return 0; const power = 10 ** Math.floor(Math.log10(value)); return [1, 2, 5, 10].map(n => n * power).find(n => n >= value); };

function lane_legend(run) {
  const used = new Set(run.paths.flatMap(path => path.segments.filter(segment => segment.kind !== 'prompt' && segment.tokens).map(kind_of)));
  return h('ul', { class: 'legend' }, Object.entries(KINDS).filter(([kind]) => used.has(kind) && kind !== 'error').map(([kind, name]) => h('li', null, h('span', { class: `key k-${kind}` }), name)),
    h('li', null, h('span', { class: 'key wait' }), 'waits for its peers'), h('li', null, h('b', null, '!'), 'was asked for its answer'));
}
