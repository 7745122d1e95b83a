/** One websocket of a call: what is said goes out in order, and audio that a slow network does not take is dropped, oldest first. */

/** Milliseconds of audio that are handed to the browser's own queue, from which nothing can be taken back. */
const HANDED_MS = 250;
/** Milliseconds that wait here beside it; more would make the conversation slow. */
const WAITING_MS = 1000;
/** Milliseconds in which a network that takes nothing at all is given up. */
const DEAD_MS = 8000;
const PUMP_MS = 20;

export const SUBPROTOCOL = "trioaudio.v1";

export class Line {
  /**
   * @param {string} url
   * @param {number} rate of the audio that is sent
   * @param {{message: (message: any) => void, audio: (pcm: ArrayBuffer) => void, dropped: (ms: number) => void,
   *   over: (code: number) => void}} on
   */
  constructor(url, rate, on) {
    /** Milliseconds that have been sent. */
    this.sent = 0;
    this.open = false;
    this.over = false;
    this.on = on;
    this.bytesPerMs = (2 * rate) / 1000;
    /** @type {(ArrayBuffer | string)[]} */
    this.waiting = [];
    this.waitingMs = 0;
    this.droppedMs = 0;
    this.buffered = 0;
    this.movedAt = 0;
    this.socket = new WebSocket(url, [SUBPROTOCOL]);
    this.socket.binaryType = "arraybuffer";
    this.socket.onmessage = ({ data }) => this.receive(data);
    this.socket.onclose = ({ code }) => this.end(code);
  }

  /** Say something at once. */
  say(message) {
    if (this.socket.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(message));
  }

  /** Say something after the audio that was given before. */
  sayInOrder(message) {
    this.waiting.push(JSON.stringify(message));
    this.pump();
  }

  /** Send audio of the microphone, once the call has begun. */
  hear(/** @type {ArrayBuffer} */ pcm) {
    if (this.over) return;
    this.waiting.push(pcm);
    this.waitingMs += pcm.byteLength / this.bytesPerMs;
    this.pump();
    this.bound();
  }

  /** The server is ready: what waits may go. */
  begin() {
    this.open = true;
    this.movedAt = performance.now();
    this.pump();
  }

  pump() {
    clearTimeout(this.timer);
    if (!this.open || this.over) return;
    this.watch();
    const most = HANDED_MS * this.bytesPerMs;
    while (!this.over && this.waiting.length && this.socket.bufferedAmount < most) {
      const next = this.waiting.shift();
      this.socket.send(next);
      if (typeof next === "string") continue;
      const ms = next.byteLength / this.bytesPerMs;
      this.waitingMs -= ms;
      this.sent += ms;
    }
    this.buffered = this.socket.bufferedAmount;
    if (!this.waiting.length) this.confess();
    else this.timer = setTimeout(() => this.pump(), PUMP_MS);
  }

  /** A network that takes nothing is as good as none, though nobody says so. */
  watch() {
    const now = performance.now();
    const { bufferedAmount } = this.socket;
    if (bufferedAmount === 0 || bufferedAmount < this.buffered) this.movedAt = now;
    if (now - this.movedAt > DEAD_MS) this.abandon();
  }

  bound() {
    while (this.waitingMs > WAITING_MS) {
      const oldest = this.waiting.findIndex((item) => typeof item !== "string");
      const [pcm] = this.waiting.splice(oldest, 1);
      const ms = /** @type {ArrayBuffer} */ (pcm).byteLength / this.bytesPerMs;
      this.waitingMs -= ms;
      this.droppedMs += ms;
    }
  }

  /** Tell how much was dropped, when it can be told. */
  confess() {
    if (!this.droppedMs) return;
    this.say({ t: "dropped", ms: this.droppedMs });
    this.on.dropped(this.droppedMs);
    this.droppedMs = 0;
  }

  receive(data) {
    if (this.over) return;
    if (data instanceof ArrayBuffer) this.on.audio(data);
    else this.on.message(JSON.parse(data));
  }

  /** Hang up. */
  close() {
    this.say({ t: "bye" });
    this.forget();
    this.socket.close(1000);
  }

  /** Do as if it had been closed: a dead network would let us wait for minutes. */
  abandon() {
    this.socket.close();
    this.end(1006);
  }

  end(code) {
    if (this.over) return;
    this.forget();
    this.on.over(code);
  }

  forget() {
    this.over = true;
    clearTimeout(this.timer);
    this.waiting = [];
    this.waitingMs = 0;
  }
}
