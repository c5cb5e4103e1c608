// A path's whole text; on request as pieces with their ids, shaded by confidence where that was stored.

let tables = null;
function piece_tables() {
  return tables ||= (async () => {
    const found = new Map();
    for (const [n] of (HEAD.tables || []).entries()) {
      const { model, pieces } = await later(`p${n}`);
      found.set(model, new Map(pieces.map(([id, piece]) => [id, typeof piece === 'string' ? piece : Uint8Array.from(piece)])));
    }
    return found;
  })();
}

// The text of ids; pieces that are no text of their own are joined before they are decoded.
function spell(ids, table) {
  const out = [];
  let bytes = [];
  const flush = () => { if (bytes.length) { out.push(new TextDecoder().decode(Uint8Array.from(bytes))); bytes = []; } };
  for (const id of ids) {
    const piece = table.get(id);
    if (piece instanceof Uint8Array) bytes.push(...piece);
    else { flush(); out.push(piece ?? `⟨${id}⟩`); }
  }
  flush();
  return out.join('');
}

// Text, ids and confidences of every segment of a path.
async function later_texts(run, p) {
  const [rows, found] = await Promise.all([run.later(p), piece_tables()]);
  const table = found.get(run.models[run.paths[p].name]);
  return rows.map(row => ({ text: row.text ?? (row.token_ids && table ? spell(row.token_ids, table) : null), ids: row.token_ids, confidences: row.confidences, table }));
}

function open_text(run, view, p, at) {
  const path = run.paths[p], body = h('div', { class: 'whole' }, h('p', { class: 'about' }, 'reading …'));
  const step = d => () => { const rows = view.rows(), q = rows[(rows.indexOf(p) + d + rows.length) % rows.length]; view.select(q, view.at.column, true); open_text(run, view, q); };
  show_dialog(`${path.name}: ${plural(path.segments.length, 'segment')}`, [button('▲ path', step(-1)), button('path ▼', step(1))], body);
  later_texts(run, p).then(texts => {
    clear(body);
    path.segments.forEach((segment, n) => body.append(segment_details(segment, texts[n], n === at || (at === undefined && n === path.segments.length - 1))));
    (body.children[at ?? body.children.length - 1])?.scrollIntoView({ block: 'start' });
  }).catch(error => put(body, h('p', null, `The text cannot be read: ${error.message}`)));
}

function segment_details(segment, text, open) {
  const kind = kind_of(segment), facts = [`round ${segment.round + 1}`, plural(segment.tokens, 'token')];
  if (segment.seconds) facts.push(seconds(segment.seconds));
  if (segment.prompt_tokens !== undefined) facts.push(`sent ${number(segment.prompt_tokens)}, ${number(segment.cached_tokens)} cached`);
  if (segment.logprob !== undefined && segment.tokens) facts.push(`log-probability ${(segment.logprob / segment.tokens).toFixed(2)} a token`);
  if (segment.tool) facts.push(`${segment.tool.name}: ${segment.tool.status}`);
  if (segment.finish) facts.push(`ended: ${segment.finish}`);
  const content = h('div', { class: 'content' });
  const details = h('details', { class: `segment s-${kind}`, open }, h('summary', null, h('span', { class: `key k-${kind}` }), ` ${segment.kind} `, h('span', { class: 'about' }, facts.join(' · ')), h('span', { class: 'about first' }, clip(text.text, 90))), content);
  const build = () => {
    if (content.childNodes.length || !details.open) return;
    if (text.text !== null) content.append(h('p', { class: 'text' }, text.text));
    else content.append(h('p', { class: 'about' }, 'Its text is not stored here.'));
    if (text.ids && text.ids.length) content.append(button('tokens', event => { event.target.replaceWith(token_view(text)); }, { class: 'more' }));
  };
  details.addEventListener('toggle', build);
  build();
  return details;
}

const AT_ONCE = 4000;
function token_view(text) {
  const sure = text.confidences, low = sure && Math.min(...sure), high = sure && Math.max(...sure);
  const part = (from, to) => text.ids.slice(from, to).map((id, n) => {
    const piece = text.table?.get(id), shade = sure && high > low ? (sure[from + n] - low) / (high - low) : null;
    const word = piece === undefined ? `⟨${id}⟩` : piece instanceof Uint8Array ? `⟨${[...piece].map(byte => byte.toString(16).padStart(2, '0')).join(' ')}⟩` : piece;
    return h('span', { class: 'piece', title: `id ${id}${sure && sure[from + n] !== undefined ? `, confidence ${sure[from + n].toFixed(2)}` : ''}`, vars: shade === null ? {} : { '--unsure': (1 - shade).toFixed(2) } }, word.replace(/\n/g, '⏎\n') || '∅');
  });
  const body = h('p', { class: 'text tokens' }, part(0, AT_ONCE));
  const more = from => from < text.ids.length && button(`${number(text.ids.length - from)} more`, event => { body.append(...part(from, from + AT_ONCE)); event.target.replaceWith(more(from + AT_ONCE) || ''); }, { class: 'more' });
  return h('div', null, h('p', { class: 'about' }, sure ? 'Darker pieces are less sure; ids on hover.' : 'Ids on hover; no log-probabilities of single tokens are stored.'), body, more(AT_ONCE));
}
