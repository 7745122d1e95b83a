/**
 * Listens to the microphone: one channel, at the rate that is sent, in pieces of 20 ms of 16 bits.
 *
 * It is told:  {t: "gate", open}   let the microphone through, or silence in its place
 *              {t: "flush", id}    post what there is, and say so
 * It posts:    {t: "audio", pcm, peak}   pcm: ArrayBuffer of little-endian samples; peak: 0 to 1
 *              {t: "flushed", id}
 * A closed gate sends silence of the same length, so that nothing shifts in time; what was said meanwhile never leaves this file.
 */

const BATCH_MS = 20;

class Capture extends AudioWorkletProcessor {
  constructor(options) {
    super();
    const { rate, open = true } = options.processorOptions;
    this.resampler = rate === sampleRate ? null : new globalThis.Resampler(sampleRate, rate);
    this.size = Math.round((rate * BATCH_MS) / 1000);
    this.open = open;
    this.renew();
    this.port.onmessage = ({ data }) => this.take(data);
  }

  renew() {
    this.batch = new DataView(new ArrayBuffer(2 * this.size));
    this.filled = 0;
    this.peak = 0;
  }

  take(message) {
    if (message.t === "gate") this.open = message.open;
    else if (message.t === "flush") {
      if (this.filled) this.post(2 * this.filled);
      this.port.postMessage({ t: "flushed", id: message.id });
    }
  }

  process(inputs) {
    const channel = inputs[0][0];
    if (channel) this.hear(this.resampler ? this.resampler.push(channel) : channel);
    return true;
  }

  hear(samples) {
    for (const sample of samples) {
      const clamped = this.open ? Math.max(-1, Math.min(1, sample)) : 0;
      this.peak = Math.max(this.peak, Math.abs(clamped));
      this.batch.setInt16(2 * this.filled, Math.round(clamped * 32767), true);
      if (++this.filled === this.size) this.post(2 * this.size);
    }
  }

  post(bytes) {
    const pcm = bytes === this.batch.buffer.byteLength ? this.batch.buffer : this.batch.buffer.slice(0, bytes);
    this.port.postMessage({ t: "audio", pcm, peak: this.peak }, [pcm]);
    this.renew();
  }
}

registerProcessor("trioaudio-capture", Capture);
