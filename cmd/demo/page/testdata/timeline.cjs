// Runs timeline.js with a document that has no more than the script needs, and prints what a reader would see, as JSON.
'use strict';
const fs = require('fs'), vm = require('vm'), path = require('path');

// px: of the canvas and of the names of rows; the top and the height of the line that shows which part of the run is in view
const WIDTH = 1000, GUTTER = 34, EDGE = 21, INDICATOR = 4;
const END = 2_099_000; // µs: when the last attempt ends
const source = fs.readFileSync(path.join(__dirname, '..', 'timeline.js'), 'utf8');

function open(data) {
  const listeners = {}, frames = [];
  let indicator = null;
  const element = more => Object.assign({
    style: {}, scrollTop: 0, hidden: true, addEventListener: (type, f) => { (listeners[type] ||= []).push(f); },
    appendChild: child => child, setPointerCapture() {}, getBoundingClientRect: () => ({ left: 0, top: 0 }),
  }, more);
  const g = new Proxy({
    measureText: text => ({ width: 6 * text.length }), clearRect: (x, y, w) => { if (w === WIDTH) indicator = null; },
    fillRect: (x, y, w, h) => { if (y === EDGE && h === INDICATOR) indicator = [x, w]; },
  }, { get: (target, name) => target[name] ?? (() => {}), set: (target, name, value) => { target[name] = value; return true; } });
  const tip = element({ offsetWidth: 100, offsetHeight: 40, textContent: '' });
  const scroller = element({ clientWidth: WIDTH }), canvas = element({ getContext: () => g });
  const buttons = ['in', 'out', 'whole', 'burst', 'left', 'right', 'next', 'previous', 'none', 'up', 'down'].map(name => {
    const button = element({ dataset: { do: name } });
    button.addEventListener = (type, f) => { button.press = f; };
    return button;
  });
  const parts = { script: { textContent: JSON.stringify(data) }, '.rows': scroller, canvas, '.tip': tip, select: element({ value: 'all' }) };
  const root = element({ querySelector: name => parts[name], querySelectorAll: name => name === '[data-do]' ? buttons : [] });
  const window = {
    document: { querySelectorAll: () => [root], createElement: () => element({}) },
    getComputedStyle: () => ({ getPropertyValue: () => '#000', maxHeight: '620', fontFamily: 'x' }),
    requestAnimationFrame: f => frames.push(f), matchMedia: () => element({}), devicePixelRatio: 1,
    ResizeObserver: class { observe() {} }, console,
  };
  vm.runInNewContext(source, window);
  const look = () => {
    while (frames.length) frames.shift()();
    const part = (WIDTH - GUTTER) / END;
    const view = indicator ? [(indicator[0] - GUTTER) / part, (indicator[0] - GUTTER + indicator[1]) / part] : [0, END];
    return { from: view[0] / 1000, to: view[1] / 1000, tip: tip.hidden ? '' : tip.textContent };
  };
  return {
    look, press: (...names) => { for (const name of names) { buttons.find(b => b.dataset.do === name).press(); look(); } return look(); },
  };
}

// row writes attempts as the page does: starts as differences.
function row(name, attempts) {
  const r = { name, start: [], took: [], record: [], delivery: [], attempt: [], outcome: [] };
  let last = 0;
  for (const [start, took, record, outcome] of attempts) {
    r.start.push(start - last); r.took.push(took); r.record.push(record); r.delivery.push(1); r.attempt.push(1); r.outcome.push(outcome);
    last = start;
  }
  return r;
}

// burst is twenty attempts within 99 ms, the eighth of which fails.
const burst = at => Array.from({ length: 20 }, (_, i) => [at + 5000 * i, 4000, i, i === 7 ? 1 : 0]);
const data = {
  records: Array.from({ length: 20 }, (_, i) => 'm' + i), outcomes: ['ok', 'fail'], titles: ['succeeded', 'failed'], lanes: false,
  rows: [row('a', [...burst(0), ...burst(1e6), ...burst(2e6)])],
};
const page = open(data), opened = page.look();
console.log(JSON.stringify({
  opened,
  burst: page.press('whole', 'burst'),
  whole: page.press('whole'),
  next: page.press('none', 'whole', 'next'),
  zoomed: page.press('in', 'in', 'in', 'in'),
  panned: page.press('right', 'right', 'right', 'right', 'right', 'right', 'right', 'right'),
  back: page.press('in'),
  none: page.press('none'),
}));
