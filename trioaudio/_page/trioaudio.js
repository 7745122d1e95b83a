/**
 * A call to a trioaudio server from a web page: the microphone goes there, what is said comes back, and either side may interrupt.
 *
 *     import { connect } from "/trioaudio.js";
 *
 *     button.onclick = async () => {
 *       const call = connect();
 *       call.addEventListener("transcript", ({ detail }) => console.log(detail.who, detail.text));
 *       await call.ready;
 *     };
 *
 * The worklets lie beside this file. Nothing is built, and nothing else is needed. Call `connect` when somebody has pressed something:
 * browsers let nothing sound before.
 */

import { Line } from "./line.js";
import { Sound, devices } from "./sound.js";
import { CallError, UNREACHABLE, goodbye, serverError } from "./words.js";

export { CallError, devices };

/** At which the microphone is sent unless it is said otherwise: what most models hear at. */
const RATE = 24_000;
const READY_MS = 10_000;
const BACKOFF_MS = [500, 1000, 2000, 4000, 8000];
/** Calls that are tried again one after the other before it is given up. */
const ATTEMPTS = 12;
/** Errors of a server that may be well again in a moment. */
const PASSING = new Set(["busy", "unavailable", "late"]);

/**
 * @typedef {object} Options
 * @property {string | URL} [url] of the websocket; by default /ws where this file came from
 * @property {string} [token] what the server asks for, if it does
 * @property {MediaTrackConstraints | false} [audio] what is asked of the microphone, such as `{echoCancellation: false}` or a
 *   `deviceId`; false for none, to listen and to write
 * @property {"open" | "push"} [mode] whether the microphone is always open, or only between `talk()` and `commit()`
 * @property {string} [speaker] deviceId of the loudspeaker, where it can be chosen
 * @property {number} [rate] at which the microphone is sent: 24000, or another that sound cards have
 * @property {boolean} [reconnect] whether to call again when the connection is lost; true unless it is said otherwise
 */

/**
 * What `stats()` counts. Audio is in milliseconds, and of all connections of this call.
 * @typedef {object} Stats
 * @property {string} state
 * @property {number} captured that the microphone gave
 * @property {number} sent of it
 * @property {number} dropped of it, since the network was too slow
 * @property {number} received
 * @property {number} played that has left the player
 * @property {number} discarded by interruptions
 * @property {number} queued that waits to be played
 * @property {number} underruns how often the player ran dry amid a turn
 * @property {number} underrun of silence because of that
 * @property {number} prebuffer that the player keeps back at the moment
 * @property {number} latency between the player and the ear
 * @property {number} interruptions of which the server has sent a receipt
 * @property {number} turn that is played, or was played last
 * @property {number} connections that were ready
 * @property {number} contextRate samples a second of the audio context
 * @property {boolean} muted
 * @property {string} call the server's name of the call
 */

const WORDS = {
  microphone: "Asking for the microphone",
  connecting: "Connecting",
  connected: "Connected",
  listening: "Listening",
  thinking: "Thinking",
  speaking: "Speaking",
  reconnecting: "Reconnecting",
  closed: "Not connected",
};

/**
 * Begin a call. It asks for the microphone, connects, and connects again if the connection is lost.
 * @param {Options} [options]
 * @returns {Call}
 */
export function connect(options = {}) {
  return new Call(options);
}

/**
 * A call; made by `connect`. Its events carry their `detail`:
 *
 * - `state` {state, words, live}: microphone, connecting, connected, listening, thinking, speaking, reconnecting, closed
 * - `ready` {call, rate, again}: the server has answered; `again` after a lost connection: it is a new call, which knows nothing of the old
 * - `transcript` {who, id, text, final}: the whole text so far of what "caller" or "agent" says
 * - `turn` {turn}, `played` {turn, ms}: the other side begins to speak; has been heard to the end
 * - `receipt` {turn, heard_ms, dropped_ms, latency_ms, reason}: the other side was interrupted
 * - `muted` {on}
 * - `underrun` {underruns, ms}: the network was late, and there was silence; `dropped` {ms}: it was too slow for the microphone
 * - `device` {label, why}: which microphone is in use
 * - `warning` {code, words}: something does not work, and the call goes on
 * - `reconnecting` {attempt, in_ms, words}
 * - `closed` {reason, words, error}: it is over; `error` is null if it ended in order
 */
export class Call extends EventTarget {
  #options;
  /** @type {Sound | undefined} */
  #sound;
  /** @type {Line | undefined} */
  #line;
  #state = "";
  #attempt = 0;
  #retry = 0;
  #deadline = 0;
  #waitingReady = Promise.withResolvers?.() ?? withResolvers();
  #turn = 0;
  #ended = new Set();
  #refusal = null;
  #goodbye = null;
  #flushes = new Map();
  #flush = 0;
  #peak = 0;
  #figures = { turn: 0, queued: 0, underrun: 0, underruns: 0, target: 0, total: 0 };
  #counts = { captured: 0, sent: 0, dropped: 0, received: 0, discarded: 0, interruptions: 0, connections: 0 };
  #muted = false;
  #talking = false;
  #name = "";

  /** @param {Options} options */
  constructor(options) {
    super();
    this.#options = { mode: "open", rate: RATE, reconnect: true, audio: {}, ...options };
    /** Fulfilled when the server has answered for the first time; rejected with a `CallError` if that does not come to be. */
    this.ready = this.#waitingReady.promise;
    this.ready.catch(() => {});
    try {
      this.#sound = new Sound(
        { rate: this.#options.rate, audio: this.#options.audio, speaker: options.speaker, open: this.#options.mode === "open" },
        {
          capture: (message) => this.#captured(message),
          player: (message) => this.#player(message),
          device: (label, why) => this.#tell("device", { label, why }),
          trouble: (error) => this.#tell("warning", { code: error.code, words: error.message }),
        },
      );
    } catch (error) {
      queueMicrotask(() => this.#finish("failed", error));
      return;
    }
    this.online = () => this.#retry && this.#dial();
    addEventListener("online", this.online);
    this.leaving = () => this.#line?.say({ t: "bye" });
    addEventListener("pagehide", this.leaving);
    queueMicrotask(() => this.#begin());
  }

  // ---- what one does with it

  /** How it fares: one of the states of the event `state`. */
  get state() {
    return this.#state;
  }

  /** Whether there is a connection on which the call was answered. */
  get live() {
    return this.#line?.open ?? false;
  }

  get muted() {
    return this.#muted;
  }

  /** The loudest sample of the microphone since this was read last, 0 to 1. */
  get level() {
    const peak = this.#peak;
    this.#peak = 0;
    return peak;
  }

  /** The `AnalyserNode`s of both sides, for pictures of them; undefined until the microphone was allowed. */
  get analysers() {
    return { input: this.#sound?.input, output: this.#sound?.output };
  }

  /** The `AudioContext` that all of it is in. */
  get context() {
    return this.#sound?.context;
  }

  /** Stop the other side, which forgets what it has not said. */
  interrupt() {
    this.#line?.say({ t: "interrupt" });
  }

  /** Let the other side hear silence, or hear again. */
  mute(on = true) {
    this.#muted = on;
    this.#sound?.mute(on);
    this.#line?.say({ t: "mute", on });
    this.#tell("muted", { on });
  }

  /** Push-to-talk: the button is pressed. It also stops the other side. */
  talk() {
    this.#talking = true;
    this.#gate(true);
    this.#line?.sayInOrder({ t: "talk" });
  }

  /** Push-to-talk: the button is let go, and an answer is wanted. */
  async commit() {
    this.#talking = false;
    await this.#flushed();
    if (this.#options.mode === "push" && !this.#talking) this.#gate(false);
    this.#line?.sayInOrder({ t: "commit" });
  }

  /** @param {"open" | "push"} mode */
  setMode(mode) {
    this.#options.mode = mode;
    this.#gate(mode === "open");
  }

  /** Write instead of speaking; at most 4,000 characters. */
  sendText(/** @type {string} */ text) {
    this.#line?.sayInOrder({ t: "text", text });
  }

  /** Take another microphone; "" is the default one. Throws a `CallError`, and keeps the old one, if it cannot be had. */
  async useMicrophone(/** @type {string} */ deviceId) {
    await this.#sound?.useMicrophone(deviceId);
  }

  /** Ask for something else of the microphone, such as `{noiseSuppression: false}`; what is not named is as usual. */
  async setAudio(/** @type {MediaTrackConstraints} */ audio) {
    await this.#sound?.useAudio(audio);
  }

  /** Take another loudspeaker, where that can be chosen. */
  async useSpeaker(/** @type {string} */ deviceId) {
    await this.#sound?.useSpeaker(deviceId);
  }

  /** Hang up. */
  close() {
    this.#finish("hung up", null, "You hung up.");
  }

  /** @returns {Stats} */
  stats() {
    const { turn, queued, underrun, underruns, target, total } = this.#figures;
    return {
      ...this.#counts,
      sent: this.#counts.sent + (this.#line?.sent ?? 0),
      state: this.#state,
      played: Math.round(total * 1000) / 1000,
      queued,
      underruns,
      underrun,
      prebuffer: target,
      latency: this.#sound?.latency ?? 0,
      turn,
      contextRate: this.#sound?.context?.sampleRate ?? 0,
      muted: this.#muted,
      call: this.#name,
    };
  }

  // ---- how it goes

  async #begin() {
    this.#enter("microphone");
    try {
      await this.#sound?.open();
    } catch (error) {
      this.#finish("failed", error);
      return;
    }
    if (this.#state !== "closed") this.#dial();
  }

  #dial() {
    clearTimeout(this.#retry);
    this.#retry = 0;
    this.#refusal = this.#goodbye = null;
    this.#enter(this.#counts.connections ? "reconnecting" : "connecting");
    const line = new Line(this.#address(), this.#options.rate, {
      message: (message) => this.#message(message),
      audio: (pcm) => this.#audio(pcm),
      dropped: (ms) => this.#dropped(ms),
      over: (code) => this.#lost(code),
    });
    this.#line = line;
    line.socket.onopen = () => line.say(this.#hello());
    this.#deadline = setTimeout(() => line.abandon(), READY_MS);
  }

  #address() {
    const url = new URL(this.#options.url ?? new URL("ws", import.meta.url), location.href);
    return url.href.replace(/^http/, "ws");
  }

  #hello() {
    const { rate, token } = this.#options;
    return { t: "hello", v: 1, rate, can: ["pos", "clear", "text"], ...(token ? { token } : {}) };
  }

  /** The connection is over: in order, refused, or lost. */
  #lost(code) {
    clearTimeout(this.#deadline);
    this.#counts.sent += this.#line?.sent ?? 0;
    this.#line = undefined;
    this.#sound?.player?.port.postMessage({ t: "clear", turn: 0 });
    if (this.#goodbye && this.#goodbye !== "going away") return this.#finish(this.#goodbye, null, goodbye(this.#goodbye));
    const refusal = this.#refusal && serverError(this.#refusal.code, this.#refusal.words);
    if (refusal && !(PASSING.has(refusal.code) && this.#counts.connections)) return this.#finish("refused", refusal);
    if (!this.#counts.connections || !this.#options.reconnect || this.#attempt >= ATTEMPTS) {
      const words = this.#counts.connections
        ? "The connection was lost, and could not be made again."
        : UNREACHABLE;
      return this.#finish("lost", new CallError("unreachable", words, code));
    }
    this.#again();
  }

  #again() {
    const wait = BACKOFF_MS[Math.min(this.#attempt, BACKOFF_MS.length - 1)] * (0.8 + 0.4 * Math.random());
    this.#attempt += 1;
    this.#enter("reconnecting");
    const words = "The connection was lost. Calling again: it will be a new call.";
    this.#tell("reconnecting", { attempt: this.#attempt, in_ms: Math.round(wait), words });
    this.#retry = setTimeout(() => this.#dial(), wait);
  }

  #finish(reason, error, words = error?.message) {
    if (this.#state === "closed") return;
    clearTimeout(this.#retry);
    clearTimeout(this.#deadline);
    removeEventListener("online", this.online);
    removeEventListener("pagehide", this.leaving);
    this.#counts.sent += this.#line?.sent ?? 0;
    this.#line?.close();
    this.#line = undefined;
    this.#sound?.close();
    this.#enter("closed", words);
    this.#waitingReady.reject(error ?? new CallError("closed", words));
    this.#tell("closed", { reason, words, error });
  }

  // ---- what the server says

  #message(message) {
    if (message.t === "ready") this.#begun(message);
    else if (message.t === "turn") this.#turn = message.turn;
    else if (message.t === "end") {
      this.#ended.add(message.turn);
      this.#toPlayer(message);
    } else if (message.t === "clear") this.#toPlayer(message);
    else if (message.t === "transcript") this.#tell("transcript", message);
    else if (message.t === "status") this.#fares(message.state);
    else if (message.t === "receipt") {
      this.#counts.interruptions += 1;
      this.#tell("receipt", message);
    } else if (message.t === "muted" && message.on !== this.#muted) {
      this.#muted = message.on;
      this.#tell("muted", { on: message.on });
    } else if (message.t === "error") this.#refusal = message;
    else if (message.t === "bye") this.#goodbye = message.reason;
  }

  #begun({ call, rate, prebuffer_ms }) {
    clearTimeout(this.#deadline);
    const again = this.#counts.connections > 0;
    [this.#attempt, this.#name, this.#turn] = [0, call, 0];
    this.#ended.clear();
    this.#counts.connections += 1;
    this.#toPlayer({ t: "ready", rate, prebuffer: prebuffer_ms });
    if (this.#muted) this.#line?.say({ t: "mute", on: true });
    this.#line?.begin();
    this.#enter("connected");
    this.#tell("ready", { call, rate, again });
    this.#waitingReady.resolve();
  }

  /** The server's state of the conversation; its own "closed" comes before its goodbye. */
  #fares(state) {
    if (state !== "closed" && this.#state !== "closed") this.#enter(state);
  }

  #audio(pcm) {
    this.#counts.received += (pcm.byteLength * 500) / this.#downRate;
    this.#toPlayer({ t: "audio", turn: this.#turn, pcm }, [pcm]);
  }

  #downRate = RATE;

  #toPlayer(message, transfer = []) {
    if (message.t === "ready") this.#downRate = message.rate;
    this.#sound?.player?.port.postMessage(message, transfer);
  }

  // ---- what the worklets say

  #captured(message) {
    if (message.t === "flushed") {
      this.#flushes.get(message.id)?.();
      this.#flushes.delete(message.id);
      return;
    }
    const ms = (message.pcm.byteLength * 500) / this.#options.rate;
    this.#counts.captured += ms;
    this.#peak = Math.max(this.#peak, message.peak);
    if (this.#line) this.#line.hear(message.pcm);
    else if (this.#counts.connections) this.#counts.dropped += ms;
  }

  #player({ t, turn, played, dropped, ...figures }) {
    if (t === "overflow") {
      this.#counts.discarded += dropped;
      this.#tell("warning", { code: "overflow", words: `${Math.round(dropped)} ms could not be played: too much came at once.` });
      return;
    }
    const before = this.#figures;
    this.#figures = { turn, ...figures };
    const position = { turn, played_ms: played, latency_ms: this.#sound?.latency ?? 0 };
    if (t === "cleared") {
      this.#counts.discarded += dropped;
      this.#line?.say({ t, ...position, dropped_ms: dropped });
      return;
    }
    if (turn !== before.turn) this.#tell("turn", { turn });
    if (figures.underruns > before.underruns) {
      this.#tell("underrun", { underruns: figures.underruns, ms: figures.underrun - before.underrun });
    }
    this.#line?.say({ t, ...position, underrun_ms: figures.underrun, queued_ms: figures.queued });
    if (!figures.queued && this.#ended.delete(turn)) this.#tell("played", { turn, ms: played });
  }

  #dropped(ms) {
    this.#counts.dropped += ms;
    this.#tell("dropped", { ms });
  }

  #gate(open) {
    this.#sound?.capture?.port.postMessage({ t: "gate", open });
  }

  /** All that the microphone gave so far has come here. */
  #flushed() {
    const port = this.#sound?.capture?.port;
    if (!port) return Promise.resolve();
    const id = ++this.#flush;
    return new Promise((resolve) => {
      this.#flushes.set(id, resolve);
      port.postMessage({ t: "flush", id });
    });
  }

  // ---- what is told

  #enter(state, words = WORDS[state]) {
    if (state === this.#state && state !== "closed") return;
    this.#state = state;
    this.#tell("state", { state, words, live: this.live });
  }

  #tell(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}

/** `Promise.withResolvers` of browsers before 2024. */
function withResolvers() {
  const made = {};
  made.promise = new Promise((resolve, reject) => Object.assign(made, { resolve, reject }));
  return made;
}
