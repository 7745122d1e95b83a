/**
 * Plays what comes over an uneven network, and counts what has left it: the page's threads are throttled in the background, this is not.
 *
 * A stretch of audio begins to sound once `target` of it waits, or its turn has ended, or its first piece has waited for `target`.
 * If it runs dry and more of the same turn comes, that was an underrun: `target` grows. A turn without one lets it shrink again.
 *
 * It is told:  {t: "ready", rate, prebuffer}    a new call: forget everything; rate of the samples, prebuffer in ms
 *              {t: "audio", turn, pcm}          pcm: ArrayBuffer of 16 bit samples, little-endian
 *              {t: "end", turn}                 all of the turn has come
 *              {t: "clear", turn}               fade out within 10 ms and forget the rest; answered at once
 * It posts:    {t: "pos", ...figures}           every 100 ms while it sounds, and once all that came of a turn has left
 *              {t: "cleared", dropped, ...figures}
 *              {t: "overflow", dropped}         ms of the oldest that were dropped, since more than 60 s waited
 * figures: turn (that sounds, or sounded last), played (ms of that turn that have left), queued, underrun (ms in all), underruns,
 * target (ms), total (ms played in all). What is faded out counts as dropped.
 */

const REPORT_MS = 100;
const FADE_MS = 10;
const GROW_MS = 40;
const SHRINK_MS = 10;
const MOST_TARGET_MS = 200;
const MOST_QUEUED_MS = 60_000;

class Player extends AudioWorkletProcessor {
  constructor() {
    super();
    this.total = 0;
    this.underruns = 0;
    this.underrun = 0;
    this.ready({ rate: sampleRate, prebuffer: 80 });
    this.port.onmessage = ({ data }) => this[data.t](data);
  }

  // ---- what it is told

  ready({ rate, prebuffer }) {
    this.fade = this.sounding ? this.faded() : new Float32Array(0);
    this.rate = rate;
    this.resampler = rate === sampleRate ? null : new globalThis.Resampler(rate, sampleRate);
    this.prebuffer = this.target = this.frames(prebuffer);
    /** @type {{turn: number, samples: Float32Array, at: number, weight: number, came: number}[]} */
    this.queue = [];
    this.queued = 0;
    this.turn = 0;
    /** Samples of the current turn that have left, as they came over the network. */
    this.played = 0;
    this.ended = new Set();
    this.sounding = false;
    /** @type {{turn: number, since: number} | null} */
    this.dry = null;
    this.stumbled = false;
    this.sinceReport = 0;
  }

  audio({ turn, pcm }) {
    const view = new DataView(pcm);
    const samples = new Float32Array(pcm.byteLength >> 1);
    for (let index = 0; index < samples.length; index++) samples[index] = view.getInt16(2 * index, true) / 32768;
    if (this.dry && this.dry.turn !== turn) this.dry = null;
    this.push(turn, this.resampler ? this.resampler.push(samples) : samples, samples.length);
    this.bound();
  }

  /** @param {number} weight samples that these were before the rate was changed */
  push(turn, samples, weight) {
    this.queue.push({ turn, samples, at: 0, weight, came: currentFrame });
    this.queued += samples.length;
  }

  end({ turn }) {
    const rest = this.resampler?.flush();
    const last = this.queue.at(-1);
    if (rest?.length && last?.turn === turn) this.push(turn, rest, 0);
    if (last?.turn === turn) this.ended.add(turn);
    if (this.dry?.turn === turn) this.over();
  }

  clear({ turn }) {
    const dropped = this.ms(this.queued);
    if (this.sounding) this.fade = this.faded();
    this.resampler?.flush();
    this.queue = [];
    this.queued = 0;
    this.ended.clear();
    this.sounding = false;
    this.dry = null;
    this.port.postMessage({ ...this.figures(), t: "cleared", turn: this.turn || turn, dropped });
  }

  /** The next 10 ms, on their way to silence. */
  faded() {
    const samples = new Float32Array(Math.min(this.frames(FADE_MS), this.queued));
    let number = 0;
    for (const piece of this.queue) {
      const part = piece.samples.subarray(piece.at, piece.at + samples.length - number);
      samples.set(part, number);
      number += part.length;
    }
    return samples.map((sample, index) => sample * (0.5 + 0.5 * Math.cos((Math.PI * (index + 1)) / samples.length)));
  }

  /** Drop the oldest if too much waits. */
  bound() {
    let dropped = 0;
    while (this.queued - dropped > this.frames(MOST_QUEUED_MS) && this.queue.length > 1) {
      const piece = this.queue.shift();
      dropped += piece.samples.length - piece.at;
    }
    this.queued -= dropped;
    if (dropped) this.port.postMessage({ t: "overflow", dropped: this.ms(dropped) });
  }

  // ---- what sounds

  process(_inputs, outputs) {
    const output = outputs[0][0];
    const faded = this.fade.subarray(0, output.length);
    output.set(faded);
    this.fade = this.fade.subarray(faded.length);
    this.play(output, faded.length);
    if (this.sounding && (this.sinceReport += output.length) >= this.frames(REPORT_MS)) this.report();
    return true;
  }

  play(output, from) {
    let number = from;
    while (number < output.length && this.queue.length) {
      if (!this.sounding && !this.begins(currentFrame + number)) return;
      const piece = this.queue[0];
      if (piece.turn !== this.turn) [this.turn, this.played] = [piece.turn, 0];
      const part = piece.samples.subarray(piece.at, piece.at + output.length - number);
      output.set(part, number);
      number += part.length;
      this.count(piece, part.length);
      if (piece.at === piece.samples.length) this.finish(currentFrame + number);
    }
  }

  begins(now) {
    const first = this.queue[0];
    if (this.queued < this.target && !this.ended.has(first.turn) && now < first.came + this.target) return false;
    if (this.dry) {
      this.underruns++;
      this.underrun += this.ms(now - this.dry.since);
      this.target = Math.min(this.frames(MOST_TARGET_MS), this.target + this.frames(GROW_MS));
      this.stumbled = true;
      this.dry = null;
    }
    this.sounding = true;
    this.sinceReport = 0;
    return true;
  }

  count(piece, length) {
    const left = piece.samples.length - piece.at;
    const weight = length === left ? piece.weight : Math.round((piece.weight * length) / left);
    piece.at += length;
    piece.weight -= weight;
    this.queued -= length;
    this.played += weight;
    this.total += (weight * 1000) / this.rate;
  }

  /** The first piece has left. */
  finish(now) {
    this.queue.shift();
    const over = this.queue[0]?.turn !== this.turn;
    if (!this.queue.length) {
      this.sounding = false;
      if (!this.ended.has(this.turn)) this.dry = { turn: this.turn, since: now };
    }
    if (over) this.report();
    if (over && this.ended.delete(this.turn)) this.over();
  }

  /** A turn has been played to its end. */
  over() {
    this.dry = null;
    if (!this.stumbled) this.target = Math.max(this.prebuffer, this.target - this.frames(SHRINK_MS));
    this.stumbled = false;
  }

  // ---- what is said of it

  report() {
    this.sinceReport = 0;
    this.port.postMessage({ ...this.figures(), t: "pos" });
  }

  figures() {
    return {
      turn: this.turn,
      played: (this.played * 1000) / this.rate,
      queued: this.ms(this.queued),
      underrun: this.underrun,
      underruns: this.underruns,
      target: this.ms(this.target),
      total: this.total,
    };
  }

  ms(frames) {
    return (frames * 1000) / sampleRate;
  }

  frames(ms) {
    return Math.round((ms * sampleRate) / 1000);
  }
}

registerProcessor("trioaudio-player", Player);
