/** How loud a stream is, shown ten times a second. */
import { soundContext } from "./microphone.ts";

/** Decibels below full scale that the meter shows as empty. */
const floor = -60;

export class Meter {
  readonly #meter: HTMLMeterElement;
  #source: MediaStreamAudioSourceNode | undefined;
  #timer: ReturnType<typeof setInterval> | undefined;

  constructor(meter: HTMLMeterElement) {
    this.#meter = meter;
  }

  follow(stream: MediaStream): void {
    this.stop();
    if (stream.getAudioTracks().length === 0) return;
    const analyser = new AnalyserNode(soundContext(), { fftSize: 2048 });
    this.#source = new MediaStreamAudioSourceNode(soundContext(), { mediaStream: stream });
    this.#source.connect(analyser);
    const samples = new Float32Array(analyser.fftSize);
    this.#timer = setInterval(() => {
      analyser.getFloatTimeDomainData(samples);
      const power = samples.reduce((sum, sample) => sum + sample * sample, 0) / samples.length;
      const level = power === 0 ? floor : 10 * Math.log10(power);
      this.#meter.value = Math.max(0, Math.min(1, 1 - level / floor));
    }, 100);
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#source?.disconnect();
    this.#source = undefined;
    this.#meter.value = 0;
  }
}
