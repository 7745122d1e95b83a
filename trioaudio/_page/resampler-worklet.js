/**
 * Changes the rate of audio in a worklet, piece by piece: a windowed sinc, so that nothing folds back and little is lost.
 *
 * Worklets cannot import modules everywhere, but all modules of one context share their globals. So this one is added first, and
 * the others find `globalThis.Resampler`.
 */

/** Zero crossings on each side: more is sharper, and later by as much. */
const CROSSINGS = 16;
/** Positions between two samples for which the kernel is written down; between these it is interpolated. */
const PHASES = 512;
/** Of the band that is kept: the rest is where the filter falls. */
const KEPT = 0.92;

class Resampler {
  /**
   * @param {number} from samples a second that come
   * @param {number} to samples a second that leave
   */
  constructor(from, to) {
    this.step = from / to;
    this.cutoff = Math.min(1, to / from) * KEPT;
    /** Samples on each side that a sample is made of. */
    this.reach = Math.ceil(CROSSINGS / this.cutoff);
    this.kernel = this.tabulated();
    this.waiting = new Float32Array(this.reach);
    /** Where the next sample is made, in samples of `waiting`. */
    this.position = this.reach;
  }

  /** The right half of the kernel: it is symmetric. */
  tabulated() {
    const table = new Float32Array(this.reach * PHASES + 2);
    for (let index = 0; index < table.length; index++) {
      const distance = index / PHASES;
      const angle = Math.PI * this.cutoff * distance;
      const sinc = angle === 0 ? 1 : Math.sin(angle) / angle;
      const window = distance < this.reach ? 0.5 + 0.5 * Math.cos((Math.PI * distance) / this.reach) : 0;
      table[index] = this.cutoff * sinc * window;
    }
    return table;
  }

  /**
   * Take samples, and give those that are complete.
   * @param {Float32Array} samples
   * @returns {Float32Array}
   */
  push(samples) {
    const all = new Float32Array(this.waiting.length + samples.length);
    all.set(this.waiting);
    all.set(samples, this.waiting.length);
    const made = new Float32Array(Math.max(0, Math.ceil((all.length - this.reach - this.position) / this.step)));
    let number = 0;
    for (; number < made.length && this.position + this.reach < all.length; this.position += this.step) {
      made[number++] = this.sampleAt(all);
    }
    const keep = Math.max(0, Math.floor(this.position) - this.reach);
    this.waiting = all.slice(keep);
    this.position -= keep;
    return made.subarray(0, number);
  }

  /** The rest, once nothing more comes for now. */
  flush() {
    const rest = this.push(new Float32Array(this.reach));
    this.waiting = new Float32Array(this.reach);
    this.position = this.reach;
    return rest;
  }

  /** @param {Float32Array} all */
  sampleAt(all) {
    const { kernel, position, reach } = this;
    const centre = Math.floor(position);
    const [phase, part] = split((position - centre) * PHASES);
    const [other, otherPart] = part ? [PHASES - phase - 1, 1 - part] : [PHASES - phase, 0];
    let sum = 0;
    for (let step = 0; step < reach; step++) {
      const left = phase + step * PHASES;
      const right = other + step * PHASES;
      sum += all[centre - step] * (kernel[left] + part * (kernel[left + 1] - kernel[left]));
      sum += all[centre + 1 + step] * (kernel[right] + otherPart * (kernel[right + 1] - kernel[right]));
    }
    return sum;
  }
}

/** @param {number} place */
function split(place) {
  const whole = Math.floor(place);
  return [whole, place - whole];
}

globalThis.Resampler = Resampler;
