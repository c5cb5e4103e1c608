// Who read whom in a block: arrows in the lanes, outlines in the matrix.

function arrows(run, view, p, column) {
  for (const td of document.querySelectorAll('td.source, td.reader')) td.classList.remove('source', 'reader');
  const group = $('arrows');
  if (group) clear(group);
  if (p === null || column === null || column >= run.blocks.length) return;
  document.querySelector(`td[data-p="${p}"][data-column="${column}"]`)?.classList.add('reader');
  const names = run.read(column, p);
  for (const name of names) if (run.at.has(name)) document.querySelector(`td[data-p="${run.at.get(name)}"][data-column="${column}"]`)?.classList.add('source');
  const geometry = view.geometry, part = geometry?.plan.parts.find(found => found.block && found.round === column);
  if (!group || !part) return;
  const middle = q => geometry.y(geometry.rows.indexOf(q)) + geometry.row / 2;
  const [x0, x1] = [geometry.x(part.begin), Math.max(geometry.x(part.end), geometry.x(part.begin) + 26)];
  names.forEach(name => {
    const q = run.at.get(name);
    if (q === undefined || !geometry.rows.includes(q) || !geometry.rows.includes(p)) return;
    const [ya, yb] = [middle(q), middle(p)], bend = Math.max(18, (x1 - x0) / 2), similar = run.similarity(column, name, run.names[p]);
    group.append(s('path', { class: 'arrow', d: `M${x0} ${ya}C${x0 + bend} ${ya} ${x1 - bend} ${yb} ${x1} ${yb}`, 'marker-end': 'url(#head)' }), s('circle', { class: 'arrowhead', cx: x0, cy: ya, r: 2.5 }));
    if (similar !== null) group.append(s('text', { class: 'similar', x: x0 - 4, y: ya + 4, 'text-anchor': 'end' }, similar.toFixed(2)));
  });
}
