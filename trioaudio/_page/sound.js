/**
 * The sound of a call: a microphone, a player, and the context that both are in.
 *
 * What it relies on, and what it does where that is missing (tested in Chromium; written for Firefox and Safari, untested there):
 * - a context at the rate that is sent: `new AudioContext({sampleRate})`. Where it throws, or where the microphone cannot be joined to
 *   such a context (Firefox: NotSupportedError of createMediaStreamSource), the context has the default rate, and the worklets resample.
 * - `outputLatency` and `getOutputTimestamp`: without them (Safari) the latency is `baseLatency`, or 0. Never more than 500 ms.
 * - `AudioContext.setSinkId`: without it (Firefox, Safari) the loudspeaker cannot be chosen here.
 * - the state "interrupted" (Safari on iOS, by a phone call): sound goes on as soon as it may.
 * - `devicechange` and a track's `ended`: a microphone that is unplugged is replaced by the default one.
 */

import { CallError, UNREACHABLE, lacking, microphoneError } from "./words.js";

const MODULES = ["capture-worklet.js", "player-worklet.js"];
const MOST_LATENCY_MS = 500;

/** @type {MediaTrackConstraints} */
const USUAL = { channelCount: 1, echoCancellation: true, noiseSuppression: true, autoGainControl: true };

/**
 * The microphones and loudspeakers that there are; without names until a microphone has been allowed once.
 * @returns {Promise<{microphones: MediaDeviceInfo[], speakers: MediaDeviceInfo[], canChooseSpeaker: boolean}>}
 */
export async function devices() {
  const all = (await navigator.mediaDevices?.enumerateDevices?.()) ?? [];
  return {
    microphones: all.filter((device) => device.kind === "audioinput"),
    speakers: all.filter((device) => device.kind === "audiooutput"),
    canChooseSpeaker: "setSinkId" in (globalThis.AudioContext?.prototype ?? {}),
  };
}

/** A context at this rate, or at the hardware's. */
function contextAt(rate) {
  try {
    return new AudioContext({ sampleRate: rate, latencyHint: "interactive" });
  } catch {
    return new AudioContext({ latencyHint: "interactive" });
  }
}

export class Sound {
  /**
   * Make it in the handler of a click or a key: browsers let nothing sound before one.
   * @param {{rate: number, audio: MediaTrackConstraints | false, speaker?: string, open: boolean}} options
   * @param {{capture: (message: any) => void, player: (message: any) => void,
   *   device: (label: string, why: string) => void, trouble: (error: import("./words.js").CallError) => void}} on
   */
  constructor(options, on) {
    this.options = options;
    this.on = on;
    this.closed = false;
    this.muted = false;
    /** @type {MediaStream | null} */
    this.stream = null;
    const lack = lacking();
    if (lack) throw lack;
    this.context = contextAt(options.rate);
    this.context.resume();
    this.changed = () => this.lookForMicrophone();
    navigator.mediaDevices.addEventListener("devicechange", this.changed);
  }

  /** Ask for the microphone, and begin to listen. */
  async open() {
    try {
      const [stream] = await Promise.all([this.ask(this.options.audio), this.furnish()]);
      if (this.closed) return stop(stream);
      await this.listenTo(stream);
      if (this.options.speaker) await this.useSpeaker(this.options.speaker).catch(() => {});
    } catch (error) {
      throw microphoneError(error);
    }
  }

  /** @param {MediaTrackConstraints | false} audio */
  async ask(audio) {
    if (audio === false) return null;
    return navigator.mediaDevices.getUserMedia({ audio: { ...USUAL, ...audio } });
  }

  /** Bring the worklets into the context. */
  async furnish() {
    const { context } = this;
    const add = (name) => context.audioWorklet.addModule(new URL(name, import.meta.url).href);
    try {
      await add("resampler-worklet.js");
      await Promise.all(MODULES.map(add));
    } catch (error) {
      throw new CallError("unreachable", UNREACHABLE, error);
    }
    this.output = new AnalyserNode(context, { fftSize: 1024 });
    this.player = new AudioWorkletNode(context, "trioaudio-player", { numberOfInputs: 0, outputChannelCount: [1] });
    this.player.port.onmessage = ({ data }) => this.on.player(data);
    this.player.connect(this.output).connect(context.destination);
    this.input = new AnalyserNode(context, { fftSize: 1024 });
    this.capture = new AudioWorkletNode(context, "trioaudio-capture", {
      numberOfOutputs: 0,
      channelCount: 1, // without these three, two channels come though one was asked for
      channelCountMode: "explicit",
      channelInterpretation: "speakers",
      processorOptions: { rate: this.options.rate, open: this.options.open },
    });
    this.capture.port.onmessage = ({ data }) => this.on.capture(data);
    context.onstatechange = () => !this.closed && context.state !== "running" && context.resume().catch(() => {});
  }

  /** @param {MediaStream | null} stream */
  async listenTo(stream) {
    if (!stream) return;
    let source;
    try {
      source = this.context.createMediaStreamSource(stream);
    } catch (error) {
      if (/** @type {DOMException} */ (error).name !== "NotSupportedError") throw error;
      await this.context.close();
      this.context = new AudioContext({ latencyHint: "interactive" });
      this.context.resume();
      await this.furnish();
      source = this.context.createMediaStreamSource(stream);
    }
    this.silence();
    [this.stream, this.source] = [stream, source];
    source.connect(this.input);
    source.connect(this.capture);
    const [track] = stream.getAudioTracks();
    track.enabled = !this.muted;
    track.onended = () => this.replaceMicrophone();
    this.on.device(track.label, "in use");
  }

  /** Leave the microphone that there was. */
  silence() {
    this.source?.disconnect();
    stop(this.stream);
    this.stream = this.source = null;
  }

  /** @param {string} deviceId */
  async useMicrophone(deviceId) {
    await this.useAudio({ ...this.options.audio, deviceId: deviceId ? { exact: deviceId } : undefined });
  }

  /** @param {MediaTrackConstraints} audio */
  async useAudio(audio) {
    try {
      const stream = await this.ask(audio);
      if (this.closed) return stop(stream);
      this.options.audio = audio;
      await this.listenTo(stream);
    } catch (error) {
      throw microphoneError(error);
    }
  }

  /** @param {string} deviceId */
  async useSpeaker(deviceId) {
    if ("setSinkId" in this.context) await /** @type {any} */ (this.context).setSinkId(deviceId);
  }

  /** The microphone was unplugged. */
  async replaceMicrophone() {
    if (this.closed) return;
    this.silence();
    try {
      await this.useMicrophone("");
    } catch (error) {
      this.on.trouble(/** @type {any} */ (error));
    }
  }

  /** Devices have come or gone; one may be what a call without a microphone waits for. */
  async lookForMicrophone() {
    if (this.closed || this.options.audio === false || !this.capture || this.stream) return;
    if ((await devices()).microphones.length) await this.replaceMicrophone();
  }

  /** @param {boolean} on */
  mute(on) {
    this.muted = on;
    for (const track of this.stream?.getAudioTracks() ?? []) track.enabled = !on;
  }

  /** Milliseconds between leaving the player and being heard. */
  get latency() {
    const { baseLatency = 0, outputLatency = 0 } = this.context;
    let seconds = baseLatency + outputLatency;
    if (!outputLatency && this.context.getOutputTimestamp) {
      const { contextTime } = this.context.getOutputTimestamp();
      if (contextTime) seconds = this.context.currentTime - contextTime;
    }
    return Math.min(Math.max(0, 1000 * seconds || 0), MOST_LATENCY_MS);
  }

  async close() {
    this.closed = true;
    navigator.mediaDevices.removeEventListener("devicechange", this.changed);
    this.silence();
    if (this.context.state !== "closed") await this.context.close();
  }
}

/** @param {MediaStream | null} stream */
function stop(stream) {
  for (const track of stream?.getTracks() ?? []) {
    track.onended = null;
    track.stop();
  }
}
