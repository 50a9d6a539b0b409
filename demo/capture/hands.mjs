// Synthetic hands: a cursive skeleton, deformed by the habits of a signer,
// smoothed by haste, then timed with the two-thirds power law.
// Letter space: y up, baseline 0, x-height 1, ascenders ~2.3, descenders ~-1.3.

// A letter is a run of points joined to the previous one; w is its advance.
const LOWER = {
  a: { w: 1.06, p: [[.4, .75], [.7, .95], [.42, 1], [.14, .55], [.28, .03], [.58, .3], [.76, .98], [.74, .4], [.86, .02], [1.06, .12]] },
  b: { w: .95, p: [[.35, .8], [.6, 1.9], [.46, 2.3], [.28, 1.7], [.22, .5], [.4, 0], [.68, .25], [.66, .8], [.5, .9], [.72, .75], [.95, .8]] },
  c: { w: .8, p: [[.35, .7], [.62, .95], [.4, 1.02], [.18, .6], [.24, .12], [.5, 0], [.8, .15]] },
  d: { w: 1.1, p: [[.4, .75], [.68, .9], [.42, 1], [.14, .5], [.3, .03], [.6, .4], [.86, 2.1], [.8, 1.1], [.78, .35], [.9, .02], [1.1, .12]] },
  e: { w: .72, p: [[.35, .45], [.62, .82], [.45, 1.03], [.22, .7], [.2, .3], [.42, 0], [.72, .12]] },
  f: { w: .75, p: [[.35, .8], [.62, 1.9], [.5, 2.3], [.34, 1.7], [.3, 0], [.28, -1.1], [.42, -1.3], [.52, -.6], [.36, .02], [.75, .15]] },
  g: { w: .98, p: [[.4, .75], [.7, .95], [.42, 1], [.14, .55], [.28, .05], [.58, .3], [.76, .98], [.7, 0], [.6, -1], [.4, -1.4], [.22, -1], [.52, -.3], [.98, .12]] },
  h: { w: 1.1, p: [[.35, .8], [.6, 1.9], [.46, 2.3], [.3, 1.7], [.26, .5], [.25, 0], [.36, .55], [.58, .97], [.76, .8], [.78, .3], [.9, .02], [1.1, .12]] },
  i: { w: .72, p: [[.3, .6], [.42, 1], [.38, .4], [.5, .02], [.72, .12]], dot: [.5, 1.55] },
  j: { w: .7, p: [[.25, .6], [.4, 1], [.34, 0], [.24, -1.1], [.05, -1.3], [-.02, -.9], [.3, -.3], [.7, .12]], dot: [.48, 1.55] },
  k: { w: .98, p: [[.35, .8], [.6, 1.9], [.46, 2.3], [.28, 1.7], [.24, .02], [.34, .6], [.6, 1], [.7, .75], [.38, .55], [.6, .2], [.75, 0], [.98, .12]] },
  l: { w: .64, p: [[.35, .8], [.62, 1.9], [.48, 2.3], [.28, 1.8], [.22, .6], [.38, .02], [.64, .12]] },
  m: { w: 1.65, p: [[.15, .7], [.28, 1], [.33, .5], [.33, 0], [.4, .45], [.6, .97], [.76, .85], [.79, .4], [.79, 0], [.87, .45], [1.08, .97], [1.24, .85], [1.27, .35], [1.4, .02], [1.65, .12]] },
  n: { w: 1.15, p: [[.15, .7], [.28, 1], [.33, .5], [.33, 0], [.4, .45], [.62, .97], [.79, .85], [.82, .35], [.94, .02], [1.15, .12]] },
  o: { w: .95, p: [[.35, .7], [.6, .98], [.35, .98], [.12, .55], [.3, .03], [.62, .25], [.66, .8], [.52, .98], [.7, .85], [.95, .8]] },
  p: { w: 1, p: [[.25, .7], [.38, 1.05], [.34, 0], [.3, -1.2], [.36, -.9], [.4, .2], [.56, .9], [.8, .8], [.78, .2], [.5, .03], [.75, .05], [1, .15]] },
  r: { w: .98, p: [[.2, .7], [.32, 1.15], [.42, .95], [.66, .95], [.66, .4], [.78, .02], [.98, .12]] },
  s: { w: .85, p: [[.3, .5], [.48, 1.05], [.52, .75], [.66, .35], [.5, 0], [.25, .08], [.5, .05], [.85, .15]] },
  t: { w: .72, p: [[.3, .8], [.48, 1.75], [.42, 1], [.4, .35], [.52, .02], [.72, .12]], bar: [[.05, 1.15], [.45, 1.25], [.95, 1.35]] },
  u: { w: 1.22, p: [[.25, .6], [.36, 1], [.34, .35], [.52, 0], [.78, .3], [.92, 1], [.9, .35], [1.02, .02], [1.22, .12]] },
  v: { w: 1.05, p: [[.15, .7], [.28, 1], [.4, .5], [.52, 0], [.7, .5], [.78, 1], [.85, .85], [1.05, .85]] },
  y: { w: 1.05, p: [[.25, .6], [.36, 1], [.36, .4], [.54, .05], [.78, .4], [.9, 1], [.82, 0], [.66, -1.1], [.46, -1.4], [.28, -1], [.6, -.3], [1.05, .12]] },
  z: { w: .9, p: [[.2, .8], [.45, 1], [.62, .8], [.4, .3], [.25, .02], [.5, .1], [.6, -.4], [.4, -1.3], [.2, -1], [.5, -.3], [.9, .12]] },
};

// A capital is one or more strokes; `join` says that the next letter goes on
// from its last point without a pen lift.
const UPPER = {
  A: { w: 1.7, join: 1, s: [[[-.1, .3], [.05, 0], [.5, .8], [.95, 2], [1.15, 2.4], [1.2, 1.7], [1.25, .6], [1.35, .05], [1.1, .25], [.45, .85], [.6, 1.02], [1.2, .8], [1.7, .2]]] },
  B: { w: 1.6, join: 1, s: [[[.3, 2.2], [.25, 1.2], [.2, 0], [.22, 1], [.4, 2.2], [1, 2.5], [1.25, 2], [.8, 1.35], [.5, 1.25], [1.1, 1.15], [1.4, .6], [1, .02], [.4, .05], [.9, .18], [1.6, .2]]] },
  C: { w: 1.5, join: 1, s: [[[1.1, 1.8], [1.3, 2.2], [1, 2.45], [.5, 2.1], [.18, 1.3], [.2, .5], [.6, 0], [1.1, .1], [1.5, .4]]] },
  D: { w: 1.7, s: [[[.55, 2.3], [.45, 1.2], [.4, .1], [.15, .05], [.3, .3], [.8, 0], [1.5, .5], [1.6, 1.6], [1, 2.4], [.3, 2.35], [0, 1.9], [.3, 1.9]]] },
  E: { w: 1.4, join: 1, s: [[[1.2, 2], [.95, 2.45], [.5, 2.2], [.55, 1.5], [.9, 1.25], [.4, 1.1], [.15, .5], [.5, 0], [1, .1], [1.4, .4]]] },
  F: { w: 1.3, s: [[[-.2, 2], [.2, 2.4], [.9, 2.25], [1.6, 2.55]], [[.8, 2.3], [.72, 1.2], [.6, .3], [.3, -.05], [0, .3]], [[.3, 1.15], [.7, 1.25], [1.15, 1.35]]] },
  G: { w: 1.6, join: 1, s: [[[1.1, 1.9], [1.1, 2.4], [.6, 2.3], [.2, 1.5], [.25, .7], [.7, .5], [1.15, 1], [1.3, 1.5], [1.2, .4], [1, -.8], [.6, -1.2], [.35, -.8], [.8, -.2], [1.6, .3]]] },
  H: { w: 1.6, join: 1, s: [[[.05, 2.1], [.35, 2.4], [.35, 1.2], [.2, 0]], [[1.3, 2.4], [1.15, 1.2], [1.05, .1], [.8, .3], [.3, 1], [.6, 1.35], [1.1, 1], [1.6, .3]]] },
  J: { w: 1.4, join: 1, s: [[[.2, 2], [.7, 2.45], [1.1, 2.3], [.95, 1], [.7, -.8], [.35, -1.3], [.1, -.9], [.5, -.2], [1.4, .3]]] },
  K: { w: 1.6, join: 1, s: [[[.1, 2.1], [.25, 2.4], [.3, 1.2], [.2, 0]], [[1.35, 2.4], [.75, 1.5], [.35, 1.15], [.55, 1.15], [1, .4], [1.3, .02], [1.6, .15]]] },
  L: { w: 1.5, join: 1, s: [[[.4, 1.5], [.9, 1.9], [1.1, 2.35], [.8, 2.45], [.6, 1.5], [.5, .5], [.2, 0], [0, .25], [.35, .3], [.9, 0], [1.5, .2]]] },
  M: { w: 2, join: 1, s: [[[-.1, .2], [.1, 0], [.4, 1.2], [.6, 2.3], [.75, 1.4], [.8, .2], [1.1, 1.2], [1.4, 2.35], [1.5, 1.4], [1.52, .3], [1.7, 0], [2, .2]]] },
  N: { w: 1.7, s: [[[-.1, 0], [.2, 1.2], [.45, 2.3], [.7, 1.4], [1, .1], [1.2, 1.2], [1.45, 2.4], [1.75, 2.5]]] },
  O: { w: 1.5, s: [[[.8, 2.35], [.25, 1.8], [.1, .9], [.5, .05], [1.2, .4], [1.4, 1.5], [.9, 2.4], [.7, 2], [1.2, 1.9], [1.6, 2.1]]] },
  P: { w: 1.1, s: [[[.4, 2], [.35, 1], [.2, -.1], [.3, 1], [.4, 2.1], [.9, 2.5], [1.3, 2.05], [1.1, 1.4], [.5, 1.2]]] },
  R: { w: 1.7, join: 1, s: [[[.4, 2], [.35, 1], [.2, -.1], [.3, 1], [.4, 2.1], [.9, 2.5], [1.3, 2.05], [1.1, 1.4], [.45, 1.2], [.6, 1.1], [.95, .5], [1.3, .02], [1.7, .15]]] },
  S: { w: 1.4, join: 1, s: [[[.1, .3], [.6, .8], [1.1, 1.9], [1, 2.4], [.65, 2.3], [.6, 1.7], [1, 1.1], [1, .4], [.5, 0], [0, .2], [.5, .3], [1.4, .2]]] },
  T: { w: 1.2, s: [[[-.2, 2], [.2, 2.4], [.9, 2.25], [1.6, 2.55]], [[.8, 2.3], [.7, 1.2], [.6, .3], [.3, -.05], [0, .3]]] },
  V: { w: 1.3, s: [[[0, 2], [.25, 2.35], [.5, 1.2], [.72, .05], [1.05, 1.2], [1.35, 2.3], [1.7, 2.3]]] },
  Y: { w: 1.4, join: 1, s: [[[0, 2], [.25, 2.35], [.35, 1.5], [.7, 1.1], [1.1, 1.8], [1.3, 2.4], [1.1, .8], [.8, -.8], [.45, -1.3], [.25, -.9], [.6, -.2], [1.4, .3]]] },
};

export function random(seed) {
  let a = Math.imul(seed, 0x9e3779b1) ^ 0x5bd1e995;
  const u = () => {
    a = (a + 0x6d2b79f5) | 0;
    let t = Math.imul(a ^ (a >>> 15), 1 | a);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
  const r = {
    u,
    in: (lo, hi) => lo + (hi - lo) * u(),
    int: (lo, hi) => lo + Math.floor((hi - lo + 1) * u()),
    n: (sd = 1) => sd * Math.sqrt(-2 * Math.log(1 - u())) * Math.cos(2 * Math.PI * u()),
    chance: (p) => u() < p,
    of: (list) => list[Math.floor(u() * list.length)],
  };
  return r;
}

// The habits of a signer: everything that stays from one take to the next.
export function hand(index, writes, style) {
  const r = random(7919 * (index + 1));
  return {
    index,
    writes,
    style,
    slant: Math.tan((r.chance(.15) ? r.in(-14, -4) : r.in(2, 27)) * Math.PI / 180),
    rise: r.in(-2, 9) * Math.PI / 180,
    width: r.in(.85, 1.5),
    capital: r.in(1.1, 1.75),
    ascender: r.in(.8, 1.35),
    descender: r.in(.7, 1.4),
    loops: r.in(.75, 1.45),
    haste: { clear: r.in(.08, .16), quick: r.in(.11, .22), initials: r.in(.08, .17), bold: r.in(.1, .2) }[style],
    own: r.in(.04, .09),
    legible: style === "clear" ? r.int(3, 9) : r.int(1, 2),
    decay: style === "clear" ? r.in(.78, .92) : r.in(.52, .78),
    tail: r.of(style === "clear" ? ["line", "flick"] : ["wave", "line", "flick", "humps"]),
    paraph: r.of(["under", "swing", "zed", "back"]),
    dots: r.chance(.6),
    bars: r.chance(.8),
    stop: r.chance(.2),
    fill: [r.in(.6, .92), r.in(.5, .88)],
    at: [r.in(.35, .65), r.in(.4, .6)],
    seconds: { clear: r.in(2, 3.8), quick: r.in(1, 2.4), initials: r.in(.62, 1.4), bold: r.in(1.1, 2.6) }[style],
    pause: r.in(.06, .2),
    press: r.in(.35, .7),
    pressRange: r.in(.1, .3),
    tremor: r.chance(.15) ? r.in(.35, .6) : r.in(.05, .22),
    pointer: r.chance(.15) ? "mouse" : "pen",
    ink: (style === "initials" || style === "bold") && r.chance(.45) ? "rgb(22, 36, 120)" : "black",
    formSeed: r.int(1, 1e9),
  };
}

// Strokes of the signature in letter space. `form` is the hand's own stream:
// the shape it draws is the same at each take.
function skeleton(h) {
  const form = random(h.formSeed);
  const strokes = [];
  const late = [];
  let x = 0;
  let pen = null;
  const open = (p) => { pen = [p]; strokes.push(pen); };
  const add = (p) => (pen ? pen.push(p) : open(p));
  const yScale = (y) => (y > 1.2 ? 1.2 + (y - 1.2) * h.ascender : y < 0 ? y * h.descender : y);

  const capital = (c, scale) => {
    const g = UPPER[c];
    g.s.forEach((s) => {
      pen = null;
      s.forEach(([px, py]) => add([x + (px + form.n(h.own)) * scale * h.width * .9, (py + form.n(h.own)) * scale]));
    });
    x += g.w * scale * h.width * .9;
    if (!g.join) { pen = null; x += .1; }
  };

  let drop = 1;
  const lower = (c, k) => {
    const g = LOWER[c];
    if (k >= h.legible) drop = Math.max(.22, drop * h.decay);
    const sx = h.width * (1 + (1 - drop) * .5);
    // A hurried letter keeps its turns but loses its height.
    g.p.forEach(([px, py], i) => {
      if (drop < .55 && i % 3 === 1 && g.p.length > 8) return;
      const loop = py > 1.4 || py < -.4 ? h.loops : 1;
      add([x + (.35 + (px - .35) * loop + form.n(h.own)) * sx, (yScale(py) + form.n(h.own)) * drop]);
    });
    if (g.dot && h.dots && drop > .4) late.push([[x + g.dot[0] * sx, g.dot[1] * drop + .15], [x + (g.dot[0] + .1) * sx, g.dot[1] * drop]]);
    if (g.bar && h.bars && drop > .4) {
      const reach = form.in(.8, 1.9);
      late.push(g.bar.map(([bx, by]) => [x + (.4 + (bx - .4) * reach) * sx, yScale(by) * drop]));
    }
    x += g.w * sx;
  };

  const tail = () => {
    const y0 = pen ? pen[pen.length - 1][1] : .2;
    const step = form.in(.5, .8) * h.width;
    if (h.tail === "wave" || h.tail === "humps") {
      const n = form.int(2, 4);
      for (let i = 0; i < n; i++) {
        const a = (h.tail === "humps" ? .75 : .5) * drop * (1 - i / (n + 1)) + .12;
        add([x + step * .45, a]);
        add([x + step * .75, a * .55]);
        add([x + step, 0]);
        x += step * 1.05;
      }
      add([x + step, .15]);
      add([x + step * 2.2, form.in(-.1, .4)]);
    } else if (h.tail === "line") {
      add([x + .4, 0]);
      add([x + form.in(1.5, 2.5), form.in(-.05, .2)]);
      add([x + form.in(3, 4.5), form.in(.1, .5)]);
    } else {
      add([x + .3, Math.min(0, y0 - .1)]);
      add([x + .9, .2]);
      add([x + form.in(1.4, 2.2), form.in(1.2, 2.2)]);
    }
  };

  const paraph = (joined) => {
    const all = strokes.flat();
    const lo = Math.min(...all.map((p) => p[0]));
    const hi = Math.max(...all.map((p) => p[0]));
    const w = hi - lo;
    const base = -form.in(.7, 1.4);
    const gap = form.in(.25, .95);
    if (!joined) pen = null;
    if (h.paraph === "under") {
      pen = null;
      add([lo + w * form.in(0, .25), base]);
      add([lo + w * .5, base + form.in(0, .25)]);
      add([hi + w * form.in(-.1, .1), base + form.in(.1, .6)]);
    } else if (h.paraph === "swing") {
      if (joined) add([hi + .45, .5]);
      add([hi + .7, -.05]);
      add([hi + .1, base]);
      add([lo + w * .45, base - .3 * gap]);
      add([lo + w * form.in(.02, .2), base - .1 * gap]);
      add([lo + w * form.in(.08, .3), base + .7 * gap]);
      add([lo + w * .6, base + gap * form.in(.2, .8)]);
      add([hi + form.in(-.4, 1), base + gap * form.in(-.6, 1)]);
    } else if (h.paraph === "zed") {
      pen = null;
      add([lo + w * .2, base + .2]);
      add([lo + w * .9, base + .4]);
      add([lo + w * .85, base + .4 - .4 * gap]);
      add([lo + w * form.in(.2, .5), base - .6 * gap]);
      add([lo + w * form.in(.3, .5), base - gap]);
      add([hi + form.in(-.6, .5), base - gap * form.in(.4, 1)]);
    } else {
      if (joined) add([hi + .5, .7]);
      add([hi + .3, 1.6]);
      add([lo + w * .5, 1.35]);
      add([lo + w * .1, .75]);
      add([lo + w * .3, .45]);
      add([hi + form.in(.2, .8), .6]);
    }
  };

  const [first, last] = h.writes.split(" ");
  if (h.style === "clear") {
    capital(first[0], h.capital);
    if (form.chance(.5)) { pen = null; x += .35; } else if (pen) { add([x + .2, .3]); x += .2; }
    if (!UPPER[first[0]].join) x += .1;
    pen = form.chance(.4) ? pen : null;
    capital(last[0], h.capital);
    [...last.slice(1)].forEach((c, i) => lower(c, i));
    if (pen && form.chance(.6)) tail();
    if (form.chance(.35)) paraph(false);
  } else if (h.style === "quick") {
    if (form.chance(.4)) capital(first[0], h.capital * .9);
    capital(last[0], h.capital);
    [...last.slice(1, 6)].forEach((c, i) => lower(c, i));
    tail();
    if (form.chance(.45)) paraph(h.paraph === "swing" || h.paraph === "back");
  } else if (h.style === "initials") {
    capital(first[0], h.capital);
    x -= form.in(.3, .8) * h.width;
    capital(last[0], h.capital * form.in(.9, 1.3));
    if (pen || form.chance(.5)) { h.tail = form.of(["flick", "line"]); tail(); }
    if (form.chance(.7)) paraph(form.chance(.5));
  } else {
    // bold: one big capital, letters folded into loops, a wide paraph
    capital(last[0], h.capital * 1.3);
    const n = form.int(2, 4);
    for (let i = 0; i < n; i++) {
      const tall = form.chance(.35) ? 1.6 : .85;
      const a = tall * (1 - i * .12);
      const sx = h.width * form.in(.75, 1.1) * h.loops;
      [[.45, .5 * a], [.72, a], [.42, 1.12 * a], [.2, .55 * a], [.36, .02], [.72, .12]].forEach(([px, py]) => add([x + px * sx, py]));
      x += .72 * sx;
    }
    tail();
    paraph(form.chance(.7));
  }
  pen = null;
  late.forEach((s) => strokes.push(s));
  if (h.stop) {
    const hi = Math.max(...strokes.flat().map((p) => p[0]));
    strokes.push([[hi + .3, -.1], [hi + .36, -.16]]);
  }
  return strokes;
}

// Interpolating curve through the points, evenly sampled along its length.
function curve(points, step) {
  const out = [];
  const P = [points[0], ...points, points[points.length - 1]];
  for (let i = 1; i < P.length - 2; i++) {
    const [a, b, c, d] = [P[i - 1], P[i], P[i + 1], P[i + 2]];
    const n = Math.max(2, Math.ceil(Math.hypot(c[0] - b[0], c[1] - b[1]) / (step / 4)));
    for (let k = 0; k < n; k++) {
      const t = k / n;
      const f = (j) => .5 * (2 * b[j] + (c[j] - a[j]) * t + (2 * a[j] - 5 * b[j] + 4 * c[j] - d[j]) * t * t + (3 * b[j] - a[j] - 3 * c[j] + d[j]) * t * t * t);
      out.push([f(0), f(1)]);
    }
  }
  out.push(points[points.length - 1]);
  const even = [out[0]];
  let left = step;
  for (let i = 1; i < out.length; i++) {
    let [x0, y0] = out[i - 1];
    const [x1, y1] = out[i];
    let len = Math.hypot(x1 - x0, y1 - y0);
    while (len >= left) {
      x0 += (x1 - x0) * left / len;
      y0 += (y1 - y0) * left / len;
      even.push([x0, y0]);
      len -= left;
      left = step;
    }
    left -= len;
  }
  even.push(out[out.length - 1]);
  return even;
}

// Haste rounds the path: a Gaussian along its length, ends kept.
function soften(path, sigma) {
  const reach = Math.ceil(sigma * 3);
  const last = path.length - 1;
  return path.map((_, i) => {
    let sx = 0, sy = 0, sw = 0;
    const room = Math.min(reach, i, last - i);
    for (let k = -room; k <= room; k++) {
      const w = Math.exp(-k * k / (2 * sigma * sigma));
      sx += w * path[i + k][0];
      sy += w * path[i + k][1];
      sw += w;
    }
    return [sx / sw, sy / sw];
  });
}

const noise = (r, periods) => {
  const waves = periods.map((p) => [2 * Math.PI / p, r.in(0, 2 * Math.PI), r.n()]);
  return (t) => waves.reduce((s, [w, f, a]) => s + a * Math.sin(w * t + f), 0) / Math.sqrt(waves.length);
};

// One take: [{ points: [{ t, x, y, force }] }], t in ms from the first contact.
export function take(h, number, width, height) {
  const r = random(h.formSeed ^ (number * 0x45d9f3b));
  const size = 1 + r.n(.05);
  const squeeze = 1 + r.n(.05);
  const slant = h.slant + r.n(.045);
  const turn = h.rise + r.n(.022);
  const wx = noise(r, [9, 5, 3.1]);
  const wy = noise(r, [8, 4.5, 2.7]);
  const step = .02;

  let strokes = skeleton(structuredClone(h)).map((s) =>
    s.map(([x, y], i) => {
      const end = i > s.length - 4 ? 1.8 : 1;
      return [x + r.n(.05 * end) + .13 * wx(x), y + r.n(.05 * end) + .12 * wy(x)];
    }));
  strokes = strokes.map((s) => soften(curve(s, step), Math.max(1, h.haste * (1 + r.n(.08)) / step)));
  strokes = strokes.map((s) => s.map(([x, y]) => {
    const px = x * squeeze + y * slant;
    return [px * Math.cos(turn) - y * Math.sin(turn), px * Math.sin(turn) + y * Math.cos(turn)];
  }));

  const all = strokes.flat();
  const box = [0, 1].map((j) => [Math.min(...all.map((p) => p[j])), Math.max(...all.map((p) => p[j]))]);
  const [bw, bh] = box.map(([lo, hi]) => hi - lo);
  const margin = 12;
  const most = Math.min((width - 2 * margin) / bw, (height - 2 * margin) / bh);
  const scale = Math.min(most, size * Math.min(width * h.fill[0] / bw, height * h.fill[1] / bh));
  const left = margin + (width - 2 * margin - bw * scale) * Math.min(1, Math.max(0, h.at[0] + r.n(.12)));
  const top = margin + (height - 2 * margin - bh * scale) * Math.min(1, Math.max(0, h.at[1] + r.n(.12)));
  const tremble = [noise(r, [95, 112, 130]), noise(r, [90, 118, 141])];
  const pressing = noise(r, [900, 420]);

  const px = strokes.map((s) => s.map(([x, y]) => [left + (x - box[0][0]) * scale, top + (box[1][1] - y) * scale]));
  const cost = px.map((s) => s.length < 2 ? 1 : timing(s, scale * step));
  const total = cost.reduce((n, c) => n + c[c.length - 1], 0);
  const pauses = px.map((_, i) => (i ? h.pause * Math.exp(r.n(.3)) * 1000 : 0));
  const budget = h.seconds * 1000 * Math.exp(r.n(.06));
  const rate = Math.max(budget * .5, budget - pauses.reduce((a, b) => a + b, 0)) / total;

  let clock = 0;
  return px.map((s, i) => {
    clock += pauses[i];
    const start = clock;
    const length = Math.max(45, cost[i][s.length - 1] * rate);
    const own = length / cost[i][s.length - 1];
    clock += length;
    return s.map(([x, y], k) => {
      const t = start + cost[i][k] * own;
      const near = Math.min(1, (t - start) / 55 + .25, (start + length - t) / 70 + .15);
      const down = k ? Math.max(-1, Math.min(1, (y - s[k - 1][1]) / (scale * step))) : 0;
      const force = near * (h.press + h.pressRange * (.6 * down + .35 * pressing(t)));
      return {
        t,
        x: x + h.tremor * tremble[0](t),
        y: y + h.tremor * tremble[1](t),
        force: Math.round(1000 * Math.min(1, Math.max(.04, force))) / 1000,
      };
    });
  });
}

// Cumulated time at each sample of a stroke, in arbitrary units: speed goes
// with the cube root of the radius of curvature, and rises from and falls to
// rest at the two ends.
function timing(s, ds) {
  const n = s.length;
  const reach = Math.max(2, Math.round(2.2 / ds));
  let slow = s.map((_, i) => {
    const a = s[Math.max(0, i - reach)], b = s[i], c = s[Math.min(n - 1, i + reach)];
    const angle = Math.abs(Math.atan2(
      (b[0] - a[0]) * (c[1] - b[1]) - (b[1] - a[1]) * (c[0] - b[0]),
      (b[0] - a[0]) * (c[0] - b[0]) + (b[1] - a[1]) * (c[1] - b[1])));
    const bend = angle / (reach * ds);
    return Math.cbrt(bend + .004);
  });
  const ends = Math.min(n / 3, 14 / ds);
  slow = slow.map((v, i) => v * (1 + 1.1 * Math.exp(-i / ends * 2.5) + .5 * Math.exp(-(n - 1 - i) / ends * 3)));
  // The hand cannot change speed at once.
  const window = Math.max(1, Math.round(5 / ds));
  const out = [0];
  let sum = 0, count = 0;
  for (let i = -window; i < n; i++) {
    if (i + window < n && i + window >= 0) { sum += slow[i + window]; count++; }
    if (i - window - 1 >= 0) { sum -= slow[i - window - 1]; count--; }
    if (i > 0) out.push(out[i - 1] + Math.max(1e-4, sum / count) * Math.hypot(s[i][0] - s[i - 1][0], s[i][1] - s[i - 1][1]));
  }
  return out;
}
