/** The bell of calls that come in, and the ring-back of those that go out. */
import { soundContext } from "./microphone.ts";

/** Hz, and seconds of sound and of a whole period. */
const sounds = {
  bell: { tones: [660, 880], on: 0.8, period: 3 },
  back: { tones: [425], on: 1, period: 5 },
} as const;

export class Ringer {
  #ringing: keyof typeof sounds | undefined;
  #timer: ReturnType<typeof setInterval> | undefined;

  ring(what: keyof typeof sounds): void {
    if (this.#ringing === what) return;
    this.stop();
    this.#ringing = what;
    const { period } = sounds[what];
    this.#once(what);
    this.#timer = setInterval(() => this.#once(what), 1000 * period);
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#ringing = undefined;
  }

  #once(what: keyof typeof sounds): void {
    const context = soundContext();
    // Before the user has touched the page, browsers keep it silent; then there is nothing to queue.
    if (context.state !== "running") return;
    const { tones, on } = sounds[what];
    const now = context.currentTime;
    const volume = new GainNode(context, { gain: 0.08 });
    volume.connect(context.destination);
    for (const frequency of tones) {
      const tone = new OscillatorNode(context, { frequency });
      tone.connect(volume);
      tone.start(now);
      tone.stop(now + on);
    }
  }
}
