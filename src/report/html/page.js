'use strict';
(() => {
  const data = JSON.parse(document.getElementById('data').textContent);
  const { text, nodes, needs, facts, tags, acts } = data;
  const count = nodes.id.length;
  const NEED = 1, OVERDUE = 2, BLIND = 4, ASIDE = 8;
  const ROW = 52, MORE = 8;
  const $ = (id) => document.getElementById(id);
  const collator = new Intl.Collator('en', { numeric: true });
  document.documentElement.classList.add('js');

  const make = (tag, className, ...children) => {
    const element = document.createElement(tag);
    if (className) element.className = className;
    element.append(...children);
    return element;
  };
  const thousands = (number) => number.toLocaleString('en');
  const day = (seconds) => new Date(seconds * 1000).toISOString().slice(0, 10);
  const age = (seconds) => {
    const minutes = Math.floor(Math.abs(seconds) / 60);
    if (minutes < 60) return `${minutes} min`;
    return minutes < 48 * 60 ? `${Math.floor(minutes / 60)} h` : `${Math.floor(minutes / 1440)} d`;
  };
  const due = (at) => at === null ? '' : at < data.now ? `${age(data.now - at)} overdue` : `due in ${age(at - data.now)}`;

  // Searching: one lower-case line a node, made in the first idle moment.
  let lines = null;
  const lower = text.map((one) => one.toLowerCase());
  const tagLines = tags.map((set) => set.map(([key, value]) => `${lower[key]}=${lower[value]}`).join(' '));
  const needLines = needs.map((set) => set.map(([kind, what]) => `${lower[kind]} ${lower[what]}`).join(' '));
  const index = () => {
    if (lines) return lines;
    lines = new Array(count);
    for (let i = 0; i < count; i++) {
      lines[i] = `${lower[nodes.id[i]]} ${lower[nodes.name[i]]} ${lower[nodes.group[i]]} ${lower[nodes.image[i]]} `
        + `${lower[nodes.system[i]]} ${lower[nodes.owner[i]]} ${lower[nodes.blind[i]]} ${needLines[nodes.needs[i]]} ${tagLines[nodes.tags[i]]}`;
    }
    return lines;
  };

  // Filters.
  const filters = { lane: $('by-lane'), system: $('by-system'), account: $('by-account'), region: $('by-region') };
  const names = { lane: 'All lanes', system: 'All systems', account: 'All accounts', region: 'All regions' };
  for (const [column, select] of Object.entries(filters)) {
    const found = new Map();
    for (const value of nodes[column]) found.set(value, (found.get(value) || 0) + 1);
    select.append(new Option(names[column], ''));
    for (const [value, number] of [...found].sort((one, other) => collator.compare(text[one[0]], text[other[0]]))) {
      select.append(new Option(`${text[value] || 'not known'} (${thousands(number)})`, value));
    }
  }
  const kinds = new Map();
  for (const set of nodes.needs) for (const [kind] of needs[set]) kinds.set(kind, (kinds.get(kind) || 0) + 1);
  const flagged = (flag) => nodes.flags.reduce((sum, flags) => sum + (flags & flag ? 1 : 0), 0);
  $('by-need').append(
    new Option('All', ''), new Option(`need patching (${thousands(flagged(NEED))})`, 'need'),
    new Option(`overdue (${thousands(flagged(OVERDUE))})`, 'overdue'), new Option(`cannot be judged (${thousands(flagged(BLIND))})`, 'blind'),
    new Option(`set aside (${thousands(flagged(ASIDE))})`, 'aside'),
    ...[...kinds].map(([kind, number]) => new Option(`${text[kind]} (${thousands(number)})`, `kind ${kind}`)));

  const needTest = (wanted) => {
    const flag = { need: NEED, overdue: OVERDUE, blind: BLIND, aside: ASIDE }[wanted];
    if (flag) return (i) => nodes.flags[i] & flag;
    const kind = Number(wanted.slice(5));
    const has = needs.map((set) => set.some(([one]) => one === kind));
    return (i) => has[nodes.needs[i]];
  };

  // Sorting: what is equal keeps the order of urgency, in which the nodes come.
  const rank = (column) => {
    const used = [...new Set(nodes[column])].sort((one, other) => collator.compare(text[one], text[other]));
    const ranks = new Map(used.map((value, position) => [value, text[value] === '' ? Infinity : position]));
    return nodes[column].map((value) => ranks.get(value));
  };
  const keys = {};
  const keyOf = (column) => keys[column] ||= {
    name: () => rank('label'), lane: () => rank('lane'), system: () => rank('system'), where: () => rank('place'),
    needs: () => nodes.id.map((_, i) => i), due: () => nodes.due.map((at) => at === null ? Infinity : at),
  }[column]();
  let sort = { column: 'needs', down: false };

  let shown = [];
  let current = 0;
  const find = () => {
    const words = $('search').value.toLowerCase().split(/\s+/).filter(Boolean);
    const tests = Object.entries(filters).filter(([, select]) => select.value !== '')
      .map(([column, select]) => { const wanted = Number(select.value); return (i) => nodes[column][i] === wanted; });
    if ($('by-need').value) tests.push(needTest($('by-need').value));
    if (words.length) { const all = index(); tests.push((i) => words.every((word) => all[i].includes(word))); }
    shown = [];
    for (let i = 0; i < count; i++) if (tests.every((test) => test(i))) shown.push(i);
    const key = keyOf(sort.column), turn = sort.down ? -1 : 1;
    if (sort.column !== 'needs' || sort.down) {
      shown.sort((one, other) => {
        const [a, b] = [key[one], key[other]];
        if (a === b) return one - other;
        return a === Infinity ? 1 : b === Infinity ? -1 : (a - b) * turn;
      });
    }
    current = 0;
    $('scroll').scrollTop = 0;
    const filtered = shown.length !== count;
    $('found').textContent = filtered ? `${thousands(shown.length)} of ${thousands(count)} nodes` : `${thousands(count)} nodes, the most urgent first`;
    if (!filtered && sort.column !== 'needs') $('found').textContent = `${thousands(count)} nodes`;
    $('list').setAttribute('aria-rowcount', shown.length + 1);
    draw(true);
  };

  // Only what is in sight is drawn.
  const scroll = $('scroll'), body = $('rows');
  let drawn = '';
  const standing = (i) => {
    const flags = nodes.flags[i];
    return flags & OVERDUE ? 'overdue' : flags & NEED ? 'need' : flags & BLIND ? 'blind' : flags & ASIDE ? 'aside' : 'well';
  };
  const row = (position) => {
    const i = shown[position];
    const [first, ...more] = needs[nodes.needs[i]];
    const label = text[nodes.name[i]] || text[nodes.id[i]];
    const open = make('button', '', make('bdi', '', label));
    open.type = 'button';
    open.tabIndex = position === current ? 0 : -1;
    const what = first ? text[first[1]] + (more.length ? ` (+${more.length})` : '') : text[nodes.blind[i]] || (nodes.flags[i] & ASIDE ? 'excluded' : 'nothing');
    const aside = nodes.flags[i] & ASIDE ? 'set aside' : '';
    const kind = aside || (first ? text[first[0]] : text[nodes.blind[i]] ? 'cannot be judged' : '');
    const late = nodes.due[i] === null ? '' : nodes.due[i] < data.now ? age(data.now - nodes.due[i]) : `in ${age(nodes.due[i] - data.now)}`;
    const cells = [
      make('td', 'c-name', open, make('small', 'id', text[nodes.id[i]])),
      make('td', 'c-lane', text[nodes.lane[i]]),
      make('td', 'c-system', text[nodes.system[i]] || 'not known'),
      make('td', 'c-needs', make('div', `dot ${standing(i)}`, what), make('small', '', kind)),
      make('td', `c-due${nodes.flags[i] & OVERDUE ? ' late' : ''}`, late),
      make('td', 'c-where', make('div', '', text[nodes.region[i]]), make('small', '', text[nodes.account[i]])),
    ];
    const line = make('tr', 'row', ...cells);
    line.dataset.at = position;
    line.setAttribute('aria-rowindex', position + 2);
    return line;
  };
  const columns = () => [...document.querySelectorAll('#list thead th')].filter((head) => head.offsetWidth).length;
  const space = (rows) => {
    const cell = make('td');
    cell.colSpan = columns();
    cell.style.height = `${rows * ROW}px`;
    const line = make('tr', 'space', cell);
    line.setAttribute('aria-hidden', 'true');
    return line;
  };
  const draw = (anew) => {
    const from = Math.max(0, Math.floor(scroll.scrollTop / ROW) - MORE);
    const to = Math.min(shown.length, from + Math.ceil(scroll.clientHeight / ROW) + 2 * MORE);
    const wanted = `${from} ${to}`;
    if (!anew && wanted === drawn) return;
    drawn = wanted;
    const lines = [];
    if (from > 0) lines.push(space(from));
    for (let position = from; position < to; position++) lines.push(row(position));
    if (to < shown.length) lines.push(space(shown.length - to));
    if (!shown.length) { const cell = make('td', '', 'No node fits. Clear the filters to see all.'); cell.colSpan = columns(); lines.push(make('tr', '', cell)); }
    const had = body.contains(document.activeElement);
    body.replaceChildren(...lines);
    if (had) focusCurrent();
  };
  const focusCurrent = () => body.querySelector(`tr[data-at="${current}"] button`)?.focus({ preventScroll: true });
  const go = (position) => {
    if (!shown.length) return;
    current = Math.max(0, Math.min(shown.length - 1, position));
    const head = scroll.querySelector('thead').offsetHeight;
    const [top, bottom] = [current * ROW, (current + 1) * ROW];
    if (top < scroll.scrollTop) scroll.scrollTop = top;
    if (bottom > scroll.scrollTop + scroll.clientHeight - head) scroll.scrollTop = bottom - scroll.clientHeight + head;
    draw(true);
    focusCurrent();
  };

  // The story of a node.
  const cure = (words) => /^(aws|rebake(?! (would|leaves|has))|kops) /.test(words) ? make('code', 'cure', words) : words;
  const tell = (i) => {
    const title = make('h2', '', make('bdi', '', text[nodes.name[i]] || text[nodes.id[i]]));
    title.id = 'story-title';
    title.tabIndex = -1;
    const parts = [title, make('div', 'id', `${text[nodes.id[i]]} in ${text[nodes.account[i]]}/${text[nodes.region[i]]}`)];
    const list = (heading, items) => items.length && parts.push(make('h3', '', heading), make('ul', '', ...items));
    list('Needs', needs[nodes.needs[i]].map(([kind, what, since, at]) => make('li', '', text[what],
      make('small', at !== null && at < data.now ? 'late' : '', [text[kind], since !== null && `since ${day(since)}`, due(at)].filter(Boolean).join(' · ')))));
    if (nodes.blind[i]) parts.push(make('h3', '', 'Its patch state cannot be told'), make('ul', '', make('li', '', text[nodes.blind[i]], make('small', '', cure(text[nodes.cure[i]])))));
    list('What rebake would do', acts[nodes.acts[i]].map((one) => make('li', '', cure(text[one]))));
    if (nodes.owner[i]) parts.push(make('h3', '', 'Its owner’s own cure'), make('ul', '', make('li', '', text[nodes.owner[i]], make('small', '', cure(text[nodes.remedy[i]])))));
    const pairs = (heading, rows) => rows.length && parts.push(make('h3', '', heading),
      make('dl', '', ...rows.flatMap(([key, value]) => [make('dt', '', make('bdi', '', text[key])), make('dd', '', make('bdi', '', text[value]))])));
    pairs('Why, with the sources', facts[nodes.facts[i]]);
    pairs('Tags', tags[nodes.tags[i]]);
    return parts;
  };
  const story = $('story');
  const open = (position) => {
    current = position;
    draw(true);
    $('told').replaceChildren(...tell(shown[position]));
    story.showModal();
    story.scrollTop = 0;
    $('story-title').focus();
  };
  story.addEventListener('close', () => { $('told').replaceChildren(); focusCurrent(); });
  story.addEventListener('click', (event) => { if (event.target === story) story.close(); });

  // Hands on.
  body.addEventListener('click', (event) => {
    const line = event.target.closest('tr.row');
    if (line) open(Number(line.dataset.at));
  });
  body.addEventListener('keydown', (event) => {
    const page = Math.max(1, Math.floor(scroll.clientHeight / ROW) - 2);
    const to = { ArrowDown: current + 1, ArrowUp: current - 1, PageDown: current + page, PageUp: current - page, Home: 0, End: shown.length - 1 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    go(to);
  });
  $('search').addEventListener('keydown', (event) => {
    if (event.key === 'ArrowDown' || event.key === 'Enter') { event.preventDefault(); go(current); }
  });
  document.addEventListener('keydown', (event) => {
    if (event.key !== '/' || story.open || /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName)) return;
    event.preventDefault();
    $('search').focus();
  });
  const form = document.querySelector('.filters');
  form.addEventListener('submit', (event) => event.preventDefault());
  $('search').addEventListener('input', find);
  form.querySelectorAll('select').forEach((select) => select.addEventListener('change', find));
  form.addEventListener('reset', () => setTimeout(find));
  document.addEventListener('click', (event) => {
    const link = event.target.closest('[data-filter]');
    if (!link) return;
    form.reset();
    const [column, wanted] = link.dataset.filter.split('=');
    const select = column === 'need' ? $('by-need') : filters[column];
    select.value = [...select.options].map((option) => option.value).find((value) => value === wanted || (value !== '' && text[Number(value)] === wanted)) ?? '';
    setTimeout(find);
  });
  document.querySelectorAll('[data-sort]').forEach((button) => button.addEventListener('click', () => {
    const column = button.dataset.sort;
    sort = { column, down: sort.column === column && !sort.down };
    document.querySelectorAll('#list th').forEach((head) => head.removeAttribute('aria-sort'));
    button.parentElement.setAttribute('aria-sort', sort.down ? 'descending' : 'ascending');
    find();
  }));
  document.querySelector('[data-sort=needs]').parentElement.setAttribute('aria-sort', 'ascending');
  let waiting = false;
  scroll.addEventListener('scroll', () => {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => { waiting = false; draw(false); });
  });
  addEventListener('resize', () => draw(true));
  find();
  (window.requestIdleCallback || setTimeout)(index);
})();
