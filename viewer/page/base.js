// Elements and texts: everything that a run holds becomes a text node, never markup.

const $ = id => document.getElementById(id);

// Marks that turn the reading direction, and control characters: shown, not obeyed.
const STEERING = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff]/g;
const shown = text => String(text ?? '').replace(STEERING, c => {
  const code = c.charCodeAt(0);
  return code < 32 ? String.fromCharCode(0x2400 + code) : `⟨${code.toString(16).toUpperCase().padStart(4, '0')}⟩`;
});
const clip = (text, most) => { const line = shown(text).replace(/\s+/g, ' ').trim(); return line.length > most ? line.slice(0, most - 1) + '…' : line; };

function fill(node, props, children) {
  for (const [key, value] of Object.entries(props || {})) {
    if (key.startsWith('aria-') && value !== null && value !== undefined) { node.setAttribute(key, shown(value)); continue; }
    if (value === null || value === undefined || value === false) continue;
    if (key === 'on') for (const [name, listener] of Object.entries(value)) node.addEventListener(name, listener);
    else if (key === 'data') Object.assign(node.dataset, value);
    else if (key === 'vars') for (const [name, v] of Object.entries(value)) node.style.setProperty(name, v);
    else node.setAttribute(key, value === true ? '' : shown(value));
  }
  node.append(...children.flat(9).filter(child => child !== null && child !== undefined && child !== false)
    .map(child => child instanceof Node ? child : document.createTextNode(shown(child))));
  return node;
}
const h = (tag, props, ...children) => fill(document.createElement(tag), props, children);
const s = (tag, props, ...children) => fill(document.createElementNS('http://www.w3.org/2000/svg', tag), props, children);
const clear = node => { node.replaceChildren(); return node; };
const put = (node, ...children) => fill(clear(node), null, children);
const button = (label, listener, props) => h('button', { type: 'button', ...props, on: { click: listener } }, label);

const number = value => value === null || value === undefined ? '–' : Number(value).toLocaleString('en-US');
const percent = value => `${Math.round(100 * value)} %`;
const seconds = value => value === null || value === undefined ? '–' : value >= 100 ? `${Math.round(value)} s` : `${value.toFixed(value < 10 ? 2 : 1)} s`;
const plural = (count, word) => `${number(count)} ${word}${count === 1 ? '' : 's'}`;

const inflated = new Map();
// What is compressed in the element of this name; read once.
function later(name) {
  if (!inflated.has(name)) inflated.set(name, (async () => {
    const bytes = Uint8Array.from(atob($(name).textContent), c => c.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('gzip'));
    return JSON.parse(await new Response(stream).text());
  })());
  return inflated.get(name);
}

function tip(event, lines) {
  const node = $('tip');
  if (!lines) { node.hidden = true; return; }
  put(node, lines.map(line => h('div', null, line)));
  node.hidden = false;
  const box = node.getBoundingClientRect();
  node.style.left = `${Math.max(4, Math.min(event.clientX + 12, innerWidth - box.width - 8))}px`;
  node.style.top = `${Math.max(4, event.clientY + 18 + box.height > innerHeight ? event.clientY - box.height - 8 : event.clientY + 18)}px`;
}

const section = (id, title, about, ...children) => h('section', { id, 'aria-labelledby': `${id}-title` },
  h('header', null, h('h2', { id: `${id}-title` }, title), about && h('p', { class: 'about' }, about)), ...children);
