// Where the tokens and the seconds went.

function costs(run) {
  const usage = run.usage, total = run.timed ? run.layout('seconds').total : null;
  const waits = run.timed ? run.layout('seconds').lanes.reduce((sum, lane) => sum + lane.waits.reduce((all, wait) => all + wait.width, 0), 0) : null;
  const facts = [
    ['generated', number(usage.generated), `${number(usage.thought)} thought, ${number(usage.summary)} summaries, ${number(usage.answer)} answers`],
    ['inserted', number(usage.inserted), 'comments, triggers, nudges, results of tools'],
    ['sent', number(usage.prefill), `in ${plural(usage.requests, 'request')}`],
    ['cached', number(usage.cached), usage.prefill ? `${percent(usage.cached / usage.prefill)} of what was sent` : ''],
    ['computed', number(usage.generated + usage.prefill - usage.cached), 'generated, and sent but not cached'],
    ['seconds', seconds(total), total === null ? 'not stored for this run' : `of requests and tools; paths waited ${seconds(waits / run.paths.length)} on average`],
  ];
  const table = h('details', null, h('summary', null, 'by path'));
  table.addEventListener('toggle', () => {
    if (!table.open || table.children.length > 1) return;
    const keys = ['thought', 'summary', 'answer', 'inserted', 'requests', 'prefill', 'cached'];
    table.append(h('div', { class: 'scroll' }, h('table', { class: 'list' }, h('thead', null, h('tr', null, ['path', 'peer', 'status', ...keys].map(key => h('th', { scope: 'col' }, key)))),
      h('tbody', null, run.paths.map(path => h('tr', null, h('th', { scope: 'row' }, path.name), h('td', null, path.peer || ''), h('td', null, path.status), keys.map(key => h('td', { class: 'n' }, number(path.usage?.[key])))))))));
  });
  return h('div', null, h('dl', { class: 'costs' }, facts.map(([name, value, about]) => h('div', null, h('dt', null, name), h('dd', null, h('b', null, value), h('span', { class: 'about' }, about))))), table);
}

function settings(run) {
  const rows = Object.entries(run.settings).filter(([, value]) => value !== null);
  return rows.length ? h('details', null, h('summary', null, 'settings'), h('dl', { class: 'settings' }, rows.map(([key, value]) => h('div', null, h('dt', null, key), h('dd', null, typeof value === 'object' ? JSON.stringify(value) : String(value)))))) : null;
}
