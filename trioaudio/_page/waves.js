/** Both voices of the last seconds, as bars: the caller above the line, the agent below it. */

/** Pixels of a bar, and between two. */
const BAR = 3;
const GAP = 3;
/** Milliseconds that a bar stands for. */
const STEP = 50;

export class Waves {
  /** @param {HTMLCanvasElement} canvas */
  constructor(canvas) {
    this.canvas = canvas;
    this.pen = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
    /** @type {{you: number, agent: number}[]} */
    this.bars = [];
    this.now = { you: 0, agent: 0 };
    this.since = 0;
    this.samples = new Float32Array(1024);
    this.calm = matchMedia("(prefers-reduced-motion: reduce)");
    const recolour = () => this.readColours();
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", recolour);
    new ResizeObserver(() => this.fit()).observe(canvas);
    this.readColours();
    this.fit();
  }

  /**
   * @param {() => {input?: AnalyserNode, output?: AnalyserNode} | undefined} analysers
   * @param {() => boolean} hears whether the agent hears the microphone
   * @param {() => void} each called with every bar
   */
  run(analysers, hears, each) {
    const frame = (/** @type {number} */ time) => {
      const { input, output } = analysers() ?? {};
      this.now.you = Math.max(this.now.you, hears() ? this.loudness(input) : 0);
      this.now.agent = Math.max(this.now.agent, this.loudness(output));
      const step = this.calm.matches ? 5 * STEP : STEP;
      if (time - this.since >= step) {
        this.since = time;
        each();
        this.bars.push(this.now);
        this.now = { you: 0, agent: 0 };
        if (this.bars.length > 600) this.bars.splice(0, 100);
        if (this.calm.matches) this.draw(0);
      }
      if (!this.calm.matches) this.draw((time - this.since) / step);
      requestAnimationFrame(frame);
    };
    requestAnimationFrame(frame);
  }

  /** @param {AnalyserNode | undefined} analyser */
  loudness(analyser) {
    if (!analyser) return 0;
    analyser.getFloatTimeDomainData(this.samples);
    let sum = 0;
    for (const sample of this.samples) sum += sample * sample;
    return Math.min(1, 1.55 * Math.sqrt(sum / this.samples.length) ** 0.6);
  }

  readColours() {
    const style = getComputedStyle(document.documentElement);
    const colour = (/** @type {string} */ name) => style.getPropertyValue(name).trim();
    [this.you, this.agent, this.quiet] = [colour("--you"), colour("--agent"), colour("--quiet")];
  }

  fit() {
    const { width, height } = this.canvas.getBoundingClientRect();
    const scale = devicePixelRatio || 1;
    [this.canvas.width, this.canvas.height] = [Math.round(width * scale), Math.round(height * scale)];
    this.pen.setTransform(scale, 0, 0, scale, 0, 0);
    [this.width, this.height] = [width, height];
    this.draw(0);
  }

  /** @param {number} moved how much of a bar's time has passed since the last one, 0 to 1 */
  draw(moved) {
    const { pen, width = 0, height = 0 } = this;
    pen.clearRect(0, 0, width, height);
    const [pitch, middle, most] = [BAR + GAP, height / 2, height / 2 - 6];
    const count = Math.ceil(width / pitch) + 1;
    for (let index = 0; index < count; index++) {
      const bar = this.bars[this.bars.length - 1 - index] ?? { you: 0, agent: 0 };
      const x = width - pitch * (index + Math.min(1, moved));
      pen.globalAlpha = Math.min(1, (count - index) / (count * 0.35), (index + moved + 0.5) / 3);
      this.bar(x, middle - 2, -most * bar.you, this.you);
      this.bar(x, middle + 2, most * bar.agent, this.agent);
    }
    pen.globalAlpha = 1;
  }

  bar(x, y, height, colour) {
    const { pen } = this;
    const silent = Math.abs(height) < BAR;
    pen.fillStyle = silent ? this.quiet : colour;
    pen.beginPath();
    const tall = silent ? BAR : Math.abs(height);
    pen.roundRect(x, height < 0 || (silent && y < this.height / 2) ? y - tall : y, BAR, tall, BAR / 2);
    pen.fill();
  }
}
