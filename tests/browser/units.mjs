// The parts of the page that need no browser, in Node: `PAGE=.../trioaudio/_page node --test units.mjs`.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { pathToFileURL } from "node:url";
import vm from "node:vm";

const PAGE = process.env.PAGE;
const QUANTUM = 128;

/** A worklet as an audio context runs it, a quantum at a time. */
class Rendering {
  constructor(file, rate, processorOptions = {}) {
    this.posted = [];
    this.scope = vm.createContext({ sampleRate: rate, currentFrame: 0, console });
    const port = { postMessage: (message) => this.posted.push(message) };
    this.scope.AudioWorkletProcessor = class {
      constructor() {
        this.port = port;
      }
    };
    this.scope.registerProcessor = (_name, kind) => (this.scope.kind = kind);
    for (const name of ["resampler-worklet.js", file]) vm.runInContext(readFileSync(`${PAGE}/${name}`, "utf8"), this.scope);
    this.worklet = new this.scope.kind({ processorOptions });
    this.port = port;
    this.rate = rate;
  }

  tell(message) {
    this.port.onmessage({ data: message });
  }

  /** Let milliseconds pass; what was heard. */
  play(ms) {
    const heard = [];
    for (let frames = 0; frames < (ms * this.rate) / 1000; frames += QUANTUM) {
      const output = new Float32Array(QUANTUM);
      assert.equal(this.worklet.process([], [[output]]), true);
      heard.push(...output);
      this.scope.currentFrame += QUANTUM;
    }
    return heard;
  }

  hear(samples) {
    for (let at = 0; at + QUANTUM <= samples.length; at += QUANTUM) this.worklet.process([[samples.subarray(at, at + QUANTUM)]]);
  }

  all(kind) {
    return this.posted.filter((message) => message.t === kind);
  }
}

const wave = (hertz, rate, seconds, height = 0.5) =>
  Float32Array.from({ length: Math.round(rate * seconds) }, (_, index) => height * Math.sin((2 * Math.PI * hertz * index) / rate));

const bytes = (samples) => Int16Array.from(samples, (sample) => Math.round(sample * 32767)).buffer;

/** How much of these samples is a wave of this frequency, and how much is not, in dB. */
function purity(samples, hertz, rate) {
  const middle = samples.slice(200, -200);
  let [sine, cosine, all] = [0, 0, 0];
  middle.forEach((sample, index) => {
    const angle = (2 * Math.PI * hertz * index) / rate;
    [sine, cosine, all] = [sine + sample * Math.sin(angle), cosine + sample * Math.cos(angle), all + sample * sample];
  });
  const [a, b] = [(2 * sine) / middle.length, (2 * cosine) / middle.length];
  const rest = middle.reduce((sum, sample, index) => {
    const angle = (2 * Math.PI * hertz * index) / rate;
    return sum + (sample - a * Math.sin(angle) - b * Math.cos(angle)) ** 2;
  }, 0);
  return { height: Math.hypot(a, b), purity: 10 * Math.log10(all / rest), loudness: Math.sqrt(all / middle.length) };
}

const sent = (capture) => capture.all("audio").flatMap(({ pcm }) => [...new Int16Array(pcm)]);

test("the microphone is sent in pieces of 20 ms, clamped", () => {
  const capture = new Rendering("capture-worklet.js", 24000, { rate: 24000 });
  capture.hear(Float32Array.from({ length: 1280 }, (_, index) => (index % 2 ? 1.3 : -1.3)));
  assert.deepEqual([...new Set(capture.all("audio").map(({ pcm }) => pcm.byteLength))], [960]);
  assert.deepEqual(new Set(sent(capture)), new Set([32767, -32767]));
  assert.equal(capture.all("audio")[0].peak, 1);
  capture.tell({ t: "flush", id: 7 });
  assert.equal(sent(capture).length, 1280);
  assert.equal(capture.all("flushed")[0].id, 7);
});

test("a closed gate sends silence of the same length", () => {
  const capture = new Rendering("capture-worklet.js", 24000, { rate: 24000, open: false });
  capture.hear(wave(440, 24000, 0.1));
  capture.tell({ t: "gate", open: true });
  capture.hear(wave(440, 24000, 0.1));
  const heard = sent(capture);
  assert.ok(heard.slice(0, 2304).every((sample) => sample === 0));
  assert.ok(heard.slice(2400).some((sample) => sample > 10000));
});

for (const [from, to] of [[48000, 24000], [44100, 24000], [16000, 24000]]) {
  test(`a microphone at ${from} Hz is sent at ${to} Hz: what is heard is kept, what cannot be is not folded back`, () => {
    const listen = (hertz) => {
      const capture = new Rendering("capture-worklet.js", from, { rate: to });
      capture.hear(wave(hertz, from, 1));
      return sent(capture).map((sample) => sample / 32767);
    };
    const speech = purity(listen(1000), 1000, to);
    assert.ok(Math.abs(speech.height - 0.5) < 0.005 && speech.purity > 55, JSON.stringify(speech));
    if (from > to) assert.ok(purity(listen(15000), 1000, to).loudness < 0.001);
  });
}

function player(rate = 24000, context = 24000, prebuffer = 80) {
  const made = new Rendering("player-worklet.js", context);
  made.tell({ t: "ready", rate, prebuffer });
  return made;
}

const say = (made, turn, ms, rate = 24000) => made.tell({ t: "audio", turn, pcm: bytes(wave(440, rate, ms / 1000)) });

test("a stretch waits for what is kept back, or for its end, or not for ever", () => {
  for (const [pieces, ends, begins] of [[[40, 40], false, 0], [[40], true, 0], [[40], false, 80]]) {
    const made = player();
    for (const ms of pieces) say(made, 1, ms);
    if (ends) made.tell({ t: "end", turn: 1 });
    const first = made.play(200).findIndex((sample) => sample !== 0) / 24;
    assert.ok(Math.abs(first - begins) < 6, `${first} ms instead of ${begins}`);
    assert.equal(made.all("pos").at(-1).played, pieces.reduce((sum, ms) => sum + ms));
  }
});

test("running dry amid a turn is an underrun, after which more is kept back; at its end it is none", () => {
  const made = player();
  say(made, 1, 100);
  made.play(150);
  say(made, 1, 140);
  made.play(300);
  made.tell({ t: "end", turn: 1 });
  const { underruns, underrun, target } = made.all("pos").at(-1);
  assert.equal(underruns, 1);
  assert.ok(underrun > 40 && underrun < 60, String(underrun));
  assert.equal(target, 120);
  say(made, 2, 200);
  made.tell({ t: "end", turn: 2 });
  made.play(300);
  say(made, 3, 200);
  assert.equal(made.all("pos").at(-1).underruns, 1);
  made.play(100);
  assert.equal(made.all("pos").at(-1).target, 110);
});

test("what is taken back fades within 10 ms, is answered at once, and is not counted as played", () => {
  const made = player();
  say(made, 1, 1000);
  const sounded = made.play(200);
  const before = sounded.filter((sample) => sample !== 0).length;
  made.tell({ t: "clear", turn: 1 });
  const [{ turn, played, dropped }] = made.all("cleared");
  assert.equal(turn, 1);
  assert.ok(Math.abs(played * 24 - before) < 20, `${played * 24} counted, ${before} heard`);
  assert.equal(Math.round(played + dropped), 1000);
  const after = made.play(100);
  assert.ok(after.findLastIndex((sample) => sample !== 0) < 240);
  const steps = after.map((sample, index) => Math.abs(sample - (index ? after[index - 1] : sounded.at(-1))));
  assert.ok(Math.max(...steps) < 0.06, "a click");
  assert.equal(made.posted.at(-1).t, "cleared");
});

test("a clear of nothing says that nothing was played", () => {
  const made = player();
  made.tell({ t: "clear", turn: 3 });
  const [{ turn, played, dropped }] = made.all("cleared");
  assert.deepEqual([turn, played, dropped], [3, 0, 0]);
});

test("positions are those of the samples that came, whatever the rate of the context", () => {
  for (const context of [24000, 44100, 48000]) {
    const made = player(24000, context);
    for (const turn of [1, 2]) {
      for (let piece = 0; piece < 13; piece++) say(made, turn, 20);
      made.tell({ t: "end", turn });
    }
    const heard = made.play(700);
    const ends = made.all("pos").filter(({ played }) => Math.round(played) === 260);
    assert.deepEqual(ends.map(({ turn, played }) => [turn, played]), [[1, 260], [2, 260]]);
    assert.equal(Math.round(made.all("pos").at(-1).total), 520);
    assert.ok(Math.abs(heard.filter((sample) => sample !== 0).length / context - 0.52) < 0.01);
  }
});

test("a network that is up to 100 ms late costs less than 1 % of silence, and less than 200 ms of delay", () => {
  const made = player();
  let seed = 7;
  const random = () => (seed = (seed * 48271) % 2147483647) / 2147483647;
  let before = 0;
  const arrivals = Array.from({ length: 3000 }, (_, index) => (before = Math.max(before, 20 * index + 100 * random() + (random() < 0.05 ? 100 : 0))));
  arrivals.forEach((at) => {
    while ((made.scope.currentFrame * 1000) / 24000 < at) made.play(1);
    say(made, 1, 20);
  });
  made.tell({ t: "end", turn: 1 });
  made.play(300);
  const { played, underrun, underruns, target } = made.all("pos").at(-1);
  assert.equal(played, 60_000);
  assert.ok(underruns > 0 && underrun < 600 && target <= 200, JSON.stringify({ underrun, underruns, target }));
  assert.ok(Math.max(...made.all("pos").map(({ queued }) => queued)) < 300);
});

test("too much at once is dropped, the oldest first, and reported", () => {
  const made = player();
  for (let second = 0; second < 63; second++) say(made, 1, 1000);
  assert.equal(made.all("overflow").reduce((sum, { dropped }) => sum + dropped, 0), 3000);
});

test("a network that takes nothing costs the oldest audio of the microphone, is told so later, and is given up", async () => {
  let now = 0;
  const sockets = [];
  globalThis.performance = { now: () => now };
  globalThis.WebSocket = class {
    static OPEN = 1;
    readyState = 1;
    bufferedAmount = 0;
    sent = [];
    stuck = false;
    constructor() {
      sockets.push(this);
    }
    send(data) {
      this.sent.push(data);
      if (this.stuck) this.bufferedAmount += data.byteLength ?? data.length;
    }
    close() {}
  };
  const { Line } = await import(pathToFileURL(`${PAGE}/line.js`));
  const told = { dropped: 0, over: [] };
  const line = new Line("ws://x/ws", 24000, { dropped: (ms) => (told.dropped += ms), over: (code) => told.over.push(code) });
  const [socket] = sockets;
  line.begin();
  socket.stuck = true;
  for (let piece = 0; piece < 100; piece++, now += 20) line.hear(new Int16Array(480).fill(piece).buffer);
  line.sayInOrder({ t: "commit" });
  assert.ok(line.waitingMs <= 1000);
  [socket.stuck, socket.bufferedAmount] = [false, 0];
  line.pump();
  const audio = socket.sent.filter((data) => typeof data !== "string").map((data) => new Int16Array(data)[0]);
  assert.deepEqual(audio.slice(-50), Array.from({ length: 50 }, (_, index) => 50 + index)); // the newest are kept, in order
  assert.ok(told.dropped >= 700 && told.dropped === 2000 - line.sent);
  assert.deepEqual(socket.sent.slice(-2).map((text) => JSON.parse(text).t), ["commit", "dropped"]);
  socket.stuck = true;
  for (let piece = 0; piece < 500; piece++, now += 20) line.hear(new ArrayBuffer(960));
  assert.deepEqual(told.over, [1006]);
});
