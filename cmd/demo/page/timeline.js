'use strict';

const HEAD = 30, ROW = 24, PAD = 6; // px: the axis, a row, space at both ends of the time
const FAINTEST = .7, LINK = .6;       // opacity of the least busy pixel, and of the lines between attempts

for (const root of document.querySelectorAll('.timeline')) {
  const data = root.querySelector('script');
  if (data) timeline(root, read(JSON.parse(data.textContent)));
}

// read turns the columns of the page into typed arrays, and adds what drawing and searching need.
function read(data) {
  const attempts = data.records.map(() => []); // of a record, as places [row, bar]
  const again = new Uint8Array(data.records.length);
  const failures = [];
  let end = 1;
  const rows = data.rows.map((row, r) => {
    const n = row.start.length;
    const start = new Float64Array(n), stop = new Float64Array(n), latest = new Float64Array(n);
    for (let i = 0, t = 0, last = 0; i < n; i++) {
      start[i] = t += row.start[i];
      stop[i] = t + row.took[i];
      latest[i] = last = Math.max(last, stop[i]); // ascending, so that the first bar in view is found by halving
      end = Math.max(end, stop[i]);
      attempts[row.record[i]].push([r, i]);
      if (row.delivery[i] > 1 || row.attempt[i] > 1) again[row.record[i]] = 1;
      if (row.outcome[i]) failures.push([r, i]);
    }
    return { ...row, start, stop, latest };
  });
  const byStart = ([r, i], [s, j]) => rows[r].start[i] - rows[s].start[j];
  failures.sort(byStart);
  attempts.forEach(list => list.sort(byStart));
  return { ids: data.records, names: data.outcomes, titles: data.titles, lanes: data.lanes, rows, attempts, again, failures, end };
}

function timeline(root, { ids, names, titles, lanes, rows, attempts, again, failures, end }) {
  const scroller = root.querySelector('.rows'), canvas = root.querySelector('canvas'), tip = root.querySelector('.tip');
  const select = root.querySelector('select'), g = canvas.getContext('2d');
  const spacer = scroller.appendChild(document.createElement('div')); // as high as all rows, so that the browser scrolls
  let from = 0, to = end;               // the time in view, µs
  let width, height, gutter;            // of the canvas, px, and of its names of rows
  const colour = { ink: '', panel: '', muted: '', grid: '', edge: '', ok: '', fail: '', panic: '', exit: '', abandoned: '', 'on-ok': '', on: '' };
  let shown = [], line = [];            // rows that are shown, and the line of each row, -1 for none
  let kept = null, hovered = null;      // places
  let picked = -1, over = -1;           // rows, by key or tap and by pointer; -1 for none
  let step = -1;                        // of the walk through the failures
  let frame = 0;

  for (const hidden of root.querySelectorAll('.tools, .stage, .hint')) hidden.hidden = false;

  const x = t => gutter + PAD + (t - from) / (to - from) * (width - gutter - 2 * PAD);
  const time = px => from + (px - gutter - PAD) / (width - gutter - 2 * PAD) * (to - from);
  const y = row => HEAD + line[row] * ROW - scroller.scrollTop;
  const chosen = (row, i) => select.value === 'all' || (select.value === 'failed' ? row.outcome[i] > 0 : again[row.record[i]]);
  const redraw = () => { frame ||= requestAnimationFrame(draw); };


  // centre is what buttons and keys zoom around: the kept bar, brought back into view if it had left it, or the middle.
  function centre() {
    if (!kept) return (from + to) / 2;
    const [r, i] = kept, at = (rows[r].start[i] + rows[r].stop[i]) / 2;
    if (at < from || at > to) show(at - (to - from) / 2, to - from);
    reveal(r);
    return at;
  }
  function zoom(factor, at) {
    const span = Math.min(end, Math.max(20, (to - from) * factor)), part = (at - from) / (to - from);
    show(at - span * part, span);
  }
  function show(start, span) {
    from = Math.max(0, Math.min(start, end - span));
    to = from + span;
    redraw();
  }
  const pan = part => show(from + part * (to - from), to - from);
  function burst() {
    const [start, span] = firstBurst(rows, end);
    show(start, span);
  }

  function filter() {
    shown = []; line = [];
    rows.forEach((row, r) => {
      const any = select.value === 'all' || row.record.some((_, i) => chosen(row, i));
      line[r] = any ? shown.push(r) - 1 : -1;
    });
    kept = hovered = null; picked = over = step = -1;
    spacer.style.height = shown.length * ROW + 'px';
    scroller.scrollTop = 0;
    resize();
  }

  function resize() {
    width = scroller.clientWidth;
    height = Math.min(HEAD + shown.length * ROW + 2, parseFloat(getComputedStyle(scroller).maxHeight) || 620) - 2;
    const ratio = devicePixelRatio || 1;
    canvas.width = width * ratio; canvas.height = height * ratio;
    canvas.style.width = width + 'px'; canvas.style.height = height + 'px';
    g.setTransform(ratio, 0, 0, ratio, 0, 0);
    spacer.style.marginTop = HEAD - height + 'px'; // the canvas lies over the spacer
    const style = getComputedStyle(root);
    for (const name in colour) colour[name] = style.getPropertyValue('--' + name);
    g.font = '12px ' + style.fontFamily;
    const longest = Math.max(...shown.slice(0, 2000).map(r => g.measureText(rows[r].name.slice(0, 40)).width), 20);
    gutter = Math.ceil(Math.min(longest + 14, width * .25));
    redraw();
  }


  function draw() {
    frame = 0;
    g.clearRect(0, 0, width, height);
    const first = Math.max(0, Math.floor(scroller.scrollTop / ROW));
    const visible = shown.slice(first, first + Math.ceil(height / ROW) + 1);
    const row = over < 0 ? picked : over;
    if (row >= 0) { g.fillStyle = colour.panel; g.fillRect(0, y(row), width, ROW - 1); }
    g.clearRect(0, 0, width, HEAD);
    axis();
    g.save();
    g.beginPath(); g.rect(0, HEAD, width, height - HEAD); g.clip();
    for (const r of visible) name(r);
    g.beginPath(); g.rect(gutter, HEAD, width - gutter, height - HEAD); g.clip();
    for (const r of visible) bars(rows[r], y(r));
    links(row);
    mark();
    g.restore();
    tell();
  }

  function axis() {
    const unit = unitOf(to), length = (to - from) / unit.size;
    const least = length / ((width - gutter) / 75); // between two labels
    let each = 10 ** Math.floor(Math.log10(least));
    each *= [1, 2, 5, 10].find(f => f * each >= least);
    const digits = Math.max(0, -Math.floor(Math.log10(each) + 1e-9));
    g.fillStyle = colour.muted; g.textAlign = 'center'; g.textBaseline = 'alphabetic';
    for (let n = Math.ceil(from / unit.size / each); n * each * unit.size <= to; n++) {
      const at = Math.round(x(n * each * unit.size));
      g.fillStyle = colour.grid; g.fillRect(at, HEAD - 5, 1, height);
      g.fillStyle = colour.muted;
      g.fillText((n * each).toFixed(digits) + ' ' + unit.name, Math.min(Math.max(at, gutter + 14), width - 24), 14);
    }
    if (to - from < end) { // where in the run this is
      const part = (width - gutter) / end;
      g.fillStyle = colour.grid; g.fillRect(gutter, HEAD - 9, width - gutter, 4);
      g.fillStyle = colour.muted; g.fillRect(gutter + from * part, HEAD - 9, Math.max(4, (to - from) * part), 4);
    }
    g.fillStyle = colour.edge; g.fillRect(0, HEAD - 1, width, 1);
  }

  function name(r) {
    g.fillStyle = colour.grid; g.fillRect(0, y(r) + ROW - 1, width, 1);
    g.fillStyle = colour.ink; g.textAlign = 'left'; g.textBaseline = 'middle';
    let text = rows[r].name.slice(0, 40);
    while (text.length > 1 && g.measureText(text + (text === rows[r].name ? '' : '…')).width > gutter - 10) text = text.slice(0, -1);
    g.fillText(text + (text === rows[r].name ? '' : '…'), 4, y(r) + ROW / 2);
  }

  // bars draws what went well first, so that nothing covers a failure. Bars too narrow to be seen one by one are added up
  // by pixel: the busier, the stronger.
  function bars(row, top) {
    const busy = new Float32Array(Math.ceil(width) + 1), others = [];
    for (let i = firstFrom(row, from); i < row.start.length && row.start[i] <= to; i++) {
      if (row.stop[i] < from || !chosen(row, i)) continue;
      const left = x(row.start[i]), right = x(row.stop[i]);
      if (row.outcome[i]) others.push(i);
      else if (right - left >= 2) one(row, i, top);
      else cover(busy, left, Math.max(right, left + .3));
      if (row.delivery[i] > 1 || row.attempt[i] > 1) {
        g.globalAlpha = 1; g.fillStyle = colour.ink; g.fillRect(left, top + ROW - 4, Math.max(1.5, right - left - 1), 2.5);
      }
    }
    g.fillStyle = colour.ok;
    for (let px = Math.floor(gutter); px < busy.length; px++) {
      if (!busy[px]) continue;
      g.globalAlpha = FAINTEST + (1 - FAINTEST) * Math.min(1, busy[px]);
      g.fillRect(px, top + 6, 1, ROW - 12);
    }
    g.globalAlpha = 1;
    for (const i of others) one(row, i, top);
  }

  function one(row, i, top) {
    const outcome = names[row.outcome[i]], left = x(row.start[i]), bar = x(row.stop[i]) - left;
    const tall = row.outcome[i] ? 2 : 6, high = ROW - 4 - 2 * tall + (tall === 2 ? 0 : 4);
    const wide = Math.max(row.outcome[i] ? 2 : 1, bar - (bar > 4 ? 1 : 0));
    const again = row.attempt[i] > 1 ? row.delivery[i] + '.' + row.attempt[i] : row.delivery[i] > 1 ? '' + row.delivery[i] : '';
    g.fillStyle = g.strokeStyle = colour[outcome];
    if (outcome === 'abandoned' && wide > 5) { // hollow: it never came to its end
      g.lineWidth = 2; g.setLineDash([4, 2]);
      g.strokeRect(left + 1, top + tall + 1, wide - 2, high - 2);
      g.setLineDash([]);
    } else {
      g.fillRect(left, top + tall, wide, high);
    }
    const from = Math.max(left, gutter), room = left + wide - from; // what is written stays in view with its bar
    const middle = top + tall + high / 2;
    g.fillStyle = g.strokeStyle = colour[outcome === 'ok' ? 'on-ok' : outcome === 'abandoned' ? 'ink' : 'on'];
    let at = from + 4;
    if (outcome !== 'ok' && outcome !== 'abandoned' && room >= 11) { sign(outcome, from + Math.min(room / 2, 8), middle); at = from + 15; }
    if (again && left + wide - at >= g.measureText(again).width + 2) {
      g.textAlign = 'left'; g.textBaseline = 'middle'; g.fillText(again, at, middle + .5);
    }
  }

  function sign(outcome, x, y) { // a shape each, for those who do not tell the colours apart
    const shapes = { fail: [[-3, -3], [3, 3], null, [3, -3], [-3, 3]], panic: [[0, -4], [4, 4], [-4, 4]], exit: [[0, -4], [4, 0], [0, 4], [-4, 0]] };
    g.beginPath();
    let pen = 'moveTo';
    for (const p of shapes[outcome]) { if (p) g[pen](x + p[0], y + p[1]); pen = p ? 'lineTo' : 'moveTo'; }
    g.lineWidth = 2;
    outcome === 'fail' ? g.stroke() : g.fill();
  }

  // links joins the attempts at a record, where they are few enough to be followed. In lanes the lines cross each other,
  // so there are those of a row's records only.
  function links(row) {
    if (lanes && row < 0) return;
    const paths = [], records = lanes ? new Set(rows[row].record) : again.keys();
    for (const record of records) {
      if (again[record]) join(record, paths);
      if (paths.length > 150) return;
    }
    g.strokeStyle = colour.ink; g.lineWidth = 1; g.globalAlpha = LINK;
    for (const p of paths) curve(p);
    g.globalAlpha = 1;
  }
  function join(record, paths) {
    const list = attempts[record];
    for (let k = 1; k < list.length; k++) {
      const [r, i] = list[k - 1], [s, j] = list[k];
      if (line[r] < 0 || line[s] < 0 || !chosen(rows[r], i) || !chosen(rows[s], j)) continue;
      const a = rows[r].stop[i], b = rows[s].start[j], top = Math.min(y(r), y(s)), bottom = Math.max(y(r), y(s));
      if ((a < from || a > to) && (b < from || b > to) || bottom + ROW < HEAD || top > height) continue;
      paths.push([x(a), y(r) + ROW - 3, x(b), y(s) + ROW - 3]); // below the bars
    }
  }
  function curve([x1, y1, x2, y2]) {
    const bend = y1 === y2 ? 0 : Math.min(60, Math.abs(x2 - x1) / 2);
    g.beginPath(); g.moveTo(x1, y1); g.bezierCurveTo(x1 + bend, y1, x2 - bend, y2, x2, y2); g.stroke();
  }

  // mark shows all attempts at the record that is pointed at or kept.
  function mark() {
    const place = hovered || kept;
    if (!place) return;
    const record = rows[place[0]].record[place[1]], paths = [];
    g.strokeStyle = colour.ink; g.lineWidth = 2;
    for (const [r, i] of attempts[record]) {
      if (line[r] < 0 || !chosen(rows[r], i)) continue;
      const left = x(rows[r].start[i]), bar = Math.max(3, x(rows[r].stop[i]) - left);
      g.strokeRect(left - 1.5, y(r) + 1, bar + 3, ROW - 3);
    }
    join(record, paths);
    for (const p of paths) curve(p);
  }


  function tell() {
    const place = inView(hovered) || inView(kept);
    tip.hidden = !place && picked < 0;
    if (place) tellAttempt(...place);
    else if (picked >= 0) tellRow(picked);
  }
  // inView is the place, or null if its bar cannot be seen: a tooltip without its bar would say nothing.
  function inView(place) {
    if (!place) return null;
    const [r, i] = place, row = rows[r];
    const seen = row.stop[i] >= from && row.start[i] <= to && line[r] >= 0 && y(r) > HEAD - ROW && y(r) < height;
    return seen ? place : null;
  }
  function tellRow(r) {
    const row = rows[r], failed = row.outcome.filter(outcome => outcome).length;
    say(`${quoted(row.name)}: ${row.outcome.length} attempts at ${new Set(row.record).size} records, ${failed} of them failed`, r, from);
  }
  function tellAttempt(r, i) {
    const row = rows[r], record = row.record[i];
    say([
      quoted(ids[record]), `${quoted(row.name)}: ${titles[row.outcome[i]]} after ${duration(row.stop[i] - row.start[i])}`,
      `delivery ${row.delivery[i]}, attempt ${row.attempt[i]}`,
      `from ${moment(row.start[i])} to ${moment(row.stop[i])}`,
      attempts[record].length > 1 ? `${attempts[record].length} attempts shown at this record` : '',
    ].filter(Boolean).join('\n'), r, row.start[i]);
  }
  function say(text, r, at) {
    if (tip.textContent !== text) tip.textContent = text;
    const left = Math.min(Math.max(x(at), gutter), width), below = y(r) + ROW + 6;
    tip.style.left = Math.max(0, Math.min(left, width - tip.offsetWidth)) + 'px';
    tip.style.top = (below + tip.offsetHeight < height || y(r) < tip.offsetHeight ? below : y(r) - tip.offsetHeight - 4) + 'px';
  }

  const rowAt = py => py < HEAD ? -1 : shown[Math.floor((py - HEAD + scroller.scrollTop) / ROW)] ?? -1;

  // under is the place at a point: a failure before others, and else the nearest within a few pixels.
  function under(px, py) {
    const r = rowAt(py);
    if (r < 0 || px < gutter) return null;
    const row = rows[r], reach = time(px + 5) - time(px);
    let best = null, nearest = Infinity;
    for (let i = firstFrom(row, time(px) - reach); i < row.start.length && row.start[i] <= time(px) + reach; i++) {
      const away = Math.max(row.start[i] - time(px), time(px) - row.stop[i], 0) - (row.outcome[i] ? reach : 0);
      if (chosen(row, i) && away < nearest && away <= reach) { best = [r, i]; nearest = away; }
    }
    return best;
  }

  function failure(forward) {
    const list = failures.filter(([r, i]) => line[r] >= 0 && chosen(rows[r], i));
    if (!list.length) return;
    if (step < 0) { // from what is in view
      step = list.findIndex(([r, i]) => rows[r].start[i] >= from) + (forward ? 0 : list.length);
    } else {
      step += forward ? 1 : -1;
    }
    step = (step + list.length) % list.length;
    const [r, i] = kept = list[step], took = rows[r].stop[i] - rows[r].start[i];
    hovered = null;
    const span = Math.min(to - from, end, Math.max(20, took * 25));
    show((rows[r].start[i] + rows[r].stop[i]) / 2 - span / 2, span);
    reveal(r);
  }

  function reveal(r) {
    const top = line[r] * ROW, room = height - HEAD - ROW;
    if (top < scroller.scrollTop || top > scroller.scrollTop + room) scroller.scrollTop = top - room / 2;
  }

  // pick goes to the next row, or the one before; from none to the first that is in view.
  function pick(by) {
    if (!shown.length) return;
    const there = picked < 0 ? Math.ceil(scroller.scrollTop / ROW) : line[picked] + by;
    picked = shown[Math.max(0, Math.min(there, shown.length - 1))];
    kept = hovered = null; over = -1;
    reveal(picked);
    redraw();
  }


  const pointers = new Map();
  let moved = 0;
  const at = e => { const box = canvas.getBoundingClientRect(); return [e.clientX - box.left, e.clientY - box.top]; };
  canvas.addEventListener('pointerdown', e => {
    pointers.set(e.pointerId, at(e));
    canvas.setPointerCapture(e.pointerId);
    moved = 0;
  });
  canvas.addEventListener('pointermove', e => {
    const before = pointers.get(e.pointerId), now = at(e);
    if (!before) { hovered = under(...now); over = rowAt(now[1]); return redraw(); }
    const other = [...pointers].find(([id]) => id !== e.pointerId)?.[1];
    moved += Math.abs(now[0] - before[0]) + Math.abs(now[1] - before[1]);
    pointers.set(e.pointerId, now);
    if (other) { // pinch
      const apart = Math.abs(before[0] - other[0]), nowApart = Math.abs(now[0] - other[0]);
      if (apart > 10 && nowApart > 10) zoom(apart / nowApart, time((now[0] + other[0]) / 2));
    } else if (moved > 4) {
      hovered = null;
      if (e.pointerType === 'mouse') scroller.scrollTop += before[1] - now[1];
      show(from + time(before[0]) - time(now[0]), to - from);
    }
  });
  const release = e => {
    if (e.type === 'pointerup' && pointers.size === 1 && moved <= 4) {
      const row = rowAt(at(e)[1]);
      kept = under(...at(e)); hovered = null;
      picked = kept || row === picked ? -1 : row;
      redraw();
    }
    pointers.delete(e.pointerId);
  };
  for (const type of ['pointerup', 'pointercancel']) canvas.addEventListener(type, release);
  canvas.addEventListener('pointerleave', e => { hovered = null; if (e.pointerType === 'mouse') over = -1; redraw(); });
  canvas.addEventListener('dblclick', e => zoom(.4, time(at(e)[0])));
  canvas.addEventListener('wheel', e => { // up and down stay the browser's, which scrolls the rows
    if (!e.ctrlKey && !e.metaKey && !e.shiftKey && Math.abs(e.deltaX) <= Math.abs(e.deltaY)) return;
    e.preventDefault();
    if (e.ctrlKey || e.metaKey) zoom(Math.exp(Math.max(-60, Math.min(60, e.deltaY)) / 150), time(at(e)[0]));
    else show(from + time(e.deltaX || e.deltaY) - time(0), to - from);
  }, { passive: false });

  const actions = {
    in: () => zoom(.5, centre()), out: () => zoom(2, centre()), whole: () => show(0, end), burst,
    left: () => pan(-.15), right: () => pan(.15), next: () => failure(true), previous: () => failure(false),
    none: () => { kept = hovered = null; picked = over = -1; redraw(); }, up: () => pick(-1), down: () => pick(1),
  };
  const keys = { '+': 'in', '=': 'in', '-': 'out', 0: 'whole', 1: 'burst', ArrowLeft: 'left', ArrowRight: 'right', ArrowUp: 'up', ArrowDown: 'down', n: 'next', p: 'previous', Escape: 'none' };
  scroller.addEventListener('keydown', e => {
    if (e.ctrlKey || e.metaKey || e.altKey || !Object.hasOwn(keys, e.key)) return;
    e.preventDefault();
    actions[keys[e.key]]();
  });
  for (const button of root.querySelectorAll('[data-do]')) button.addEventListener('click', actions[button.dataset.do]);
  select.addEventListener('change', filter);
  scroller.addEventListener('scroll', redraw, { passive: true });
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', resize);
  new ResizeObserver(resize).observe(root);
  filter();
  burst();
}

// firstBurst is where the timeline opens: from the first attempt until handlers pause for long, or so many attempts have
// begun that they could not be told apart. It returns its start and its length.
function firstBurst(rows, end) {
  const bars = rows.flatMap(row => Array.from(row.start, (start, i) => [start, row.stop[i]])).sort((a, b) => a[0] - b[0]);
  if (!bars.length) return [0, end];
  const pause = Math.max(20_000, end / 50), most = 400;
  let stop = bars[0][1];
  for (let i = 1; i < bars.length && i < most && bars[i][0] - stop < pause; i++) stop = Math.max(stop, bars[i][1]);
  const margin = (stop - bars[0][0]) / 40, start = Math.max(0, bars[0][0] - margin);
  return [start, Math.min(end - start, Math.max(20, stop + margin - start))];
}

// firstFrom is the first bar of the row that ends at t or later.
function firstFrom(row, t) {
  let low = 0, high = row.latest.length;
  while (low < high) {
    const half = (low + high) >> 1;
    if (row.latest[half] < t) low = half + 1; else high = half;
  }
  return low;
}

// cover adds to each pixel the part of it that lies between left and right.
function cover(busy, left, right) {
  for (let px = Math.max(0, Math.floor(left)); px < right && px < busy.length; px++) {
    busy[px] += Math.min(px + 1, right) - Math.max(px, left);
  }
}

function unitOf(t) {
  const second = 1e6;
  return [
    { name: 'd', size: 86400 * second, from: 172800 * second }, { name: 'h', size: 3600 * second, from: 7200 * second },
    { name: 'min', size: 60 * second, from: 120 * second }, { name: 's', size: second, from: second },
    { name: 'ms', size: 1000, from: 1000 }, { name: 'µs', size: 1, from: 0 },
  ].find(unit => t >= unit.from);
}
function duration(t) { const unit = unitOf(t); return +(t / unit.size).toPrecision(3) + ' ' + unit.name; }
function moment(t) { const unit = unitOf(t); return (t / unit.size).toFixed(unit.size > 1 ? 3 : 0) + ' ' + unit.name; }

// quoted is a text from outside: not endless, and keeping its writing direction to itself.
function quoted(text) { return '\u2068' + (text.length > 200 ? text.slice(0, 200) + '…' : text) + '\u2069'; }
