// One LeaP block: who read whom, how alike the summaries are; and the trend over the blocks.

function block_panel(run, view) {
  if (!run.blocks.length) return h('p', { class: 'about' }, run.over ? 'The paths ended before a LeaP block.' : 'No LeaP block is done yet.');
  const n = Math.min(view.block, run.blocks.length - 1), block = run.blocks[n];
  const tabs = h('div', { class: 'tabs', role: 'group', 'aria-label': 'LeaP block' }, run.blocks.map((one, m) => button(`${one.number}`, () => view.choose_block(m), { 'aria-pressed': m === n })));
  return h('div', null, tabs, block.hint && h('p', { class: 'about' }, 'Every path read a hint: ', h('q', null, clip(block.hint, 300))),
    block.share !== null && h('p', { class: 'about' }, `Asked beside their thoughts, ${percent(block.share)} of the paths held the most frequent answer.`), STOPS[block.stop] && h('p', { class: 'about' }, STOPS[block.stop]),
    h('div', { class: 'columns' }, readers(run, view, n), h('figure', { class: 'heat' }, heat(run, view, n), h('figcaption', null, 'Similarity of every two summaries: darker is more alike. Dots mark who was read (row reads column).'))));
}

const STOPS = { agreement: 'They had agreed for long enough: the run ended here.', novelty: 'No summary had anything new for anybody: this was the last block.' };

function readers(run, view, n) {
  const block = run.blocks[n];
  const rows = [...new Set([...block.paths, ...Object.keys(block.probes)])].map(name => {
    const p = run.at.get(name), reads = block.routes[name], summary = block.summaries[name] || {}, held = p === undefined ? null : run.paths[p].held[n];
    const chips = reads && reads.map(source => {
      const q = run.at.get(source), similar = run.similarity(n, name, source);
      return h('span', { class: 'chip' }, q === undefined ? '' : swatch(run, run.paths[q].held[n]), ` ${source}`, similar === null ? '' : h('span', { class: 'about' }, ` ${similar.toFixed(2)}`));
    });
    const effect = block.effects[name];
    return h('tr', null,
      h('th', { scope: 'row' }, p === undefined ? name : button([swatch(run, held), ' ', name], () => { view.select(p, n, true); view.open(); }, { class: 'plain' })),
      h('td', null, reads === undefined ? h('span', { class: 'about' }, name in block.probes ? 'goes on undisturbed' : 'has ended, shares its conclusion') : chips.length ? chips : h('span', { class: 'about' }, 'no peer')),
      h('td', null, effect && h('span', { class: `effect ${effect}`, title: EFFECTS[effect] }, effect)),
      h('td', { class: 'said' }, clip(summary.text, 160), summary.no_claim && h('span', { class: 'tag' }, 'no finding: read by nobody'), block.edited.includes(name) && h('span', { class: 'tag' }, 'edited')));
  });
  return h('div', { class: 'scroll tall' }, h('table', { class: 'list' }, h('thead', null, h('tr', null, ['path', 'reads (similarity)', 'what it did', 'its summary'].map(text => h('th', { scope: 'col' }, text)))), h('tbody', null, rows)));
}

const LEVELS = 12;
function heat(run, view, n) {
  const { paths, similarity, routes } = run.blocks[n], count = paths.length, size = count > 24 ? 6 : count > 10 ? 16 : 34, pad = count > 24 ? 4 : 64;
  const levels = Array.from({ length: LEVELS }, () => []), dots = [], words = [];
  similarity.forEach((row, i) => row.forEach((value, j) => {
    if (i === j) return;
    levels[Math.max(0, Math.min(LEVELS - 1, Math.floor(value * LEVELS)))].push(`M${pad + j * size} ${pad + i * size}h${size - 1}v${size - 1}h${1 - size}z`);
    if (size > 30) words.push(s('text', { class: 'in-cell', x: pad + j * size + size / 2, y: pad + i * size + size - 8, 'text-anchor': 'middle', 'data-dark': value > 0.55 ? 1 : 0 }, value.toFixed(2)));
    if ((routes[paths[i]] || []).includes(paths[j])) dots.push(s('circle', { cx: pad + j * size + (size - 1) / 2, cy: pad + i * size + (size > 30 ? 9 : (size - 1) / 2), r: Math.min(4, Math.max(1, size / 7)) }));
  }));
  const side = pad + count * size, label = i => clip(run.at.has(paths[i]) ? run.short[run.at.get(paths[i])] : paths[i], 8);
  const svg = s('svg', { viewBox: `0 0 ${side} ${side}`, width: side, height: side, role: 'img', 'aria-label': `Similarity of the summaries of block ${run.blocks[n].number}; mean ${run.blocks[n].novelty === null ? 'unknown' : (1 - run.blocks[n].novelty).toFixed(2)}` },
    levels.map((cells, level) => cells.length ? s('path', { class: 'level', d: cells.join(''), 'fill-opacity': (0.04 + 0.96 * (level + 0.5) / LEVELS).toFixed(3) }) : null), s('g', { class: 'dots' }, dots), words,
    count > 24 ? null : paths.map((_, i) => [s('text', { x: pad - 5, y: pad + i * size + size / 2 + 4, 'text-anchor': 'end' }, label(i)), s('text', { x: pad + i * size + size / 2, y: pad - 6, 'text-anchor': 'start', transform: `rotate(-45 ${pad + i * size + size / 2} ${pad - 6})` }, label(i))]));
  svg.addEventListener('mousemove', event => {
    const box = svg.getBoundingClientRect(), at = value => Math.floor((value * side / box.width - pad) / size);
    const [j, i] = [at(event.clientX - box.left), at(event.clientY - box.top)];
    tip(event, i >= 0 && j >= 0 && i < count && j < count ? [`${paths[i]} and ${paths[j]}: ${similarity[i][j].toFixed(2)}`, (routes[paths[i]] || []).includes(paths[j]) ? `${paths[i]} read ${paths[j]}` : ''].filter(Boolean) : null);
  });
  svg.addEventListener('mouseleave', event => tip(event, null));
  return svg;
}

// When does talk stop to tell anything new?
function trend(run) {
  if (run.blocks.length < 2) return null;
  const width = 420, height = 120, x = n => 40 + n * (width - 60) / (run.blocks.length - 1), y = value => 12 + (1 - value) * (height - 40);
  const novelty = run.blocks.map(block => block.novelty ?? 0);
  const share = run.blocks.map((_, n) => { const held = run.answers.map(row => row.counts[n]); return Math.max(0, ...held) / run.paths.length; });
  const line = values => values.map((value, n) => `${n ? 'L' : 'M'}${x(n).toFixed(1)} ${y(value).toFixed(1)}`).join('');
  return h('figure', { class: 'trend' }, s('svg', { viewBox: `0 0 ${width} ${height}`, width, height, role: 'img', 'aria-label': run.blocks.map((block, n) => `block ${block.number}: novelty ${novelty[n].toFixed(2)}, largest group ${percent(share[n])}`).join('; ') },
    [0, 0.5, 1].map(value => [s('line', { class: 'grid', x1: 40, x2: width - 20, y1: y(value), y2: y(value) }), s('text', { class: 'axis', x: 34, y: y(value) + 4, 'text-anchor': 'end' }, value)]),
    s('path', { class: 'novelty', d: line(novelty) }), s('path', { class: 'share', d: line(share) }),
    novelty.map((value, n) => s('circle', { class: 'novelty', cx: x(n), cy: y(value), r: 3 })), share.map((value, n) => s('rect', { class: 'share', x: x(n) - 3, y: y(value) - 3, width: 6, height: 6 })),
    run.blocks.map((block, n) => s('text', { class: 'axis', x: x(n), y: height - 6, 'text-anchor': 'middle' }, block.number))),
    h('figcaption', null, h('span', { class: 'key novelty' }, '●'), ' novelty (1 − mean similarity)  ', h('span', { class: 'key share' }, '■'), ' share of paths with the most frequent answer, by block'));
}
