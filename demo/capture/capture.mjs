// Re-makes demo/signatures: 36 hands, two takes each, drawn in real time with
// the browser's own pen or mouse input on a real signature_pad.
import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";
import { hand, take } from "./hands.mjs";

const WIDTH = 480;
const HEIGHT = 180;
const SIGNERS = [
  ["Marie Lecormier", "quick"], ["Jean Dubrenoy", "clear"], ["Hélène Tanguerel", "bold"], ["Paul Bresmont", "initials"],
  ["Anne Maurelan", "clear"], ["Luc Kervadou", "quick"], ["Sophie Garlande", "quick"], ["Yann Floch", "bold"],
  ["Claire Rozelier", "clear"], ["Pierre Hamonet", "quick"], ["Nadia Benhari", "initials"], ["Karim Salvane", "quick"],
  ["Jeanne Perrodin", "clear"], ["Rémi Valtorel", "bold"], ["Lucie Chamdore", "quick"], ["Thomas Jolivard", "initials"],
  ["Agnès Delorge", "bold"], ["Serge Morvane", "clear"], ["Fatou Diarel", "quick"], ["Hugo Lemartel", "quick"],
  ["Odile Sénéchart", "clear"], ["Bruno Guyader", "bold"], ["Lina Nguyerre", "initials"], ["Gilles Aubrelin", "quick"],
  ["Carole Vasserot", "clear"], ["Denis Oriveau", "quick"], ["Élise Bonnelage", "quick"], ["Marc Thierval", "bold"],
  ["Solène Kerjeune", "clear"], ["Victor Esparon", "initials"], ["Monique Labrede", "clear"], ["Adrien Cottenet", "quick"],
  ["Inès Hachelin", "quick"], ["Roger Pluvinel", "bold"], ["Annie Fauvergne", "quick"], ["Samuel Yvrande", "clear"],
// The hands know no accents, and write I as J.
].map(([name, style]) => [name.normalize("NFD").replace(/[\u0300-\u036f]/g, "").replace(/\bI/, "J"), style]);

const here = dirname(fileURLToPath(import.meta.url));
const out = join(here, "..", "signatures");
const library = join(here, "node_modules", "signature_pad", "dist", "signature_pad.umd.min.js");
const only = process.argv[2];

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM || "/usr/bin/chromium",
  headless: true,
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync"],
});
const page = await browser.newPage({ viewport: { width: 520, height: 220 }, deviceScaleFactor: 1 });
const cdp = await page.context().newCDPSession(page);
await page.setContent(`<body style="margin:0"><canvas width="${WIDTH}" height="${HEIGHT}"
  style="position:absolute;left:20px;top:20px;width:${WIDTH}px;height:${HEIGHT}px;touch-action:none"></canvas>`);
await page.addScriptTag({ path: library });

const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

// The point of a stroke at the time t, between its samples.
function at(points, t) {
  let lo = 0, hi = points.length - 1;
  while (hi - lo > 1) {
    const mid = (lo + hi) >> 1;
    if (points[mid].t <= t) lo = mid; else hi = mid;
  }
  const [a, b] = [points[lo], points[hi]];
  const f = Math.min(1, Math.max(0, (t - a.t) / (b.t - a.t || 1)));
  return { x: a.x + (b.x - a.x) * f, y: a.y + (b.y - a.y) * f, force: a.force + (b.force - a.force) * f };
}

async function draw(h, strokes) {
  const sent = [];
  const send = (type, p, down) => sent.push(cdp.send("Input.dispatchMouseEvent", {
    type,
    x: 20 + p.x,
    y: 20 + p.y,
    button: type === "mouseMoved" && !down ? "none" : "left",
    buttons: down ? 1 : 0,
    clickCount: type === "mouseMoved" ? 0 : 1,
    pointerType: h.pointer,
    force: h.pointer === "pen" && down ? p.force : 0,
  }));
  send("mouseMoved", strokes[0][0], false);
  await sleep(30);
  const origin = performance.now();
  const now = () => performance.now() - origin;
  for (const [i, points] of strokes.entries()) {
    const first = points[0];
    const last = points[points.length - 1];
    // In the air between two strokes.
    const from = i ? strokes[i - 1][strokes[i - 1].length - 1] : first;
    while (now() < first.t - 4) {
      const f = Math.min(1, Math.max(0, (now() - from.t) / (first.t - from.t)));
      const ease = f * f * (3 - 2 * f);
      send("mouseMoved", { x: from.x + (first.x - from.x) * ease, y: from.y + (first.y - from.y) * ease }, false);
      await sleep(Math.min(8, Math.max(1, first.t - now())));
    }
    send("mousePressed", first, true);
    while (now() < last.t) {
      await sleep(Math.min(5, Math.max(1, last.t - now())));
      send("mouseMoved", at(points, Math.min(now(), last.t)), true);
    }
    send("mouseReleased", last, false);
  }
  await Promise.all(sent);
}

await mkdir(out, { recursive: true });
const started = performance.now();
let count = 0;
for (const [i, [writes, style]] of SIGNERS.entries()) {
  const signer = `s${String(i + 1).padStart(2, "0")}`;
  if (only && !only.split(",").includes(signer)) continue;
  const h = hand(i, writes, style);
  for (const number of [1, 2]) {
    await page.evaluate((ink) => {
      window.pad?.off();
      window.pad = new SignaturePad(document.querySelector("canvas"), { penColor: ink, minDistance: 2, throttle: 0 });
      window.pad.clear();
    }, h.ink);
    await draw(h, take(h, number, WIDTH, HEIGHT));
    await sleep(60);
    const got = await page.evaluate(() => ({ png: pad.toDataURL("image/png"), strokes: pad.toData() }));
    const record = { signer, take: number, width: WIDTH, height: HEIGHT, ratio: 1, ...got };
    await writeFile(join(out, `${signer}-${number}.json`), JSON.stringify(record) + "\n");
    const points = got.strokes.flatMap((s) => s.points);
    const ms = points[points.length - 1].time - points[0].time;
    console.log(`${signer}-${number} ${h.pointer} ${got.strokes.length} strokes, ${points.length} points, ${ms} ms, png ${Math.ceil((got.png.length - 22) * 3 / 4)} bytes`);
    count++;
  }
}
await browser.close();
console.log(`${count} signatures in ${((performance.now() - started) / 1000).toFixed(0)} s`);
