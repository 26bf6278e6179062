/** DTMF digits as RTP telephone-events (RFC 4733), both ways. */
import { cycleTicks, digits, KeyQueue, toneTicks } from "./key-queue.ts";
import { clockRate, frameMs } from "./rtp.ts";

/** The final packet goes out three times (§2.5.1.4), 20 ms apart, so that a burst of loss does not take all. */
const endPackets = 3;
/** -10 dBm0, as most phones send. */
const volume = 10;

/** Sends queued digits, one step each 20 ms. */
export class EventSender {
  /** The payload to send after `tick` said so. */
  readonly payload = new Uint8Array(4);
  marker = false;
  /** RTP timestamp of the packet: the start of the event, the same in all packets of it. */
  timestamp = 0;
  readonly #keys = new KeyQueue();
  #step = 0;

  /** Adds digits (see `keyCodes`); false when one is not a digit or the queue is over 1,000 entries long. */
  enqueue(id: number, text: string): boolean {
    return this.#keys.add(id, text);
  }

  get active(): boolean {
    return !this.#keys.empty || this.#step > 0;
  }

  /** Forgets what is queued and answers the ids of it. */
  clear(): number[] {
    this.#step = 0;
    return this.#keys.clear();
  }

  /**
   * One tick at media time `now` (RTP timestamp units). True: `payload` is to be sent instead of audio. `done` is
   * told when the last digit of an `enqueue` is released.
   * @param clock what durations count in, Hz
   */
  tick(now: number, done: (id: number) => void, clock: number = clockRate): boolean {
    if (!this.active) return false;
    if (this.#step === 0 && this.#keys.pause(done)) return false;
    const step = this.#step;
    this.#step = step + 1 === cycleTicks ? 0 : step + 1;
    if (step >= toneTicks + endPackets - 1) return false;
    const code = this.#keys.first;
    if (step === 0 && code !== undefined) {
      this.timestamp = now;
      this.payload[0] = code;
    }
    const duration = (Math.min(step + 1, toneTicks) * frameMs * clock) / 1000;
    this.marker = step === 0;
    this.payload[1] = (step >= toneTicks - 1 ? 0x80 : 0) | volume;
    this.payload[2] = duration >> 8;
    this.payload[3] = duration;
    if (step === toneTicks + endPackets - 2) this.#keys.release(done);
    return true;
  }
}

/** An event whose end is lost is taken as over after this long without a packet, ms. */
const lostAfter = 200;

interface HeardEvent {
  code: number;
  /** Where the packets' durations count from; moves on when an event outgrows its 16 bits. */
  timestamp: number;
  /** Duration of segments before `timestamp`, and of this one. */
  before: number;
  duration: number;
  /** Reported: what repeats it is ignored. */
  over: boolean;
  lastHeard: number;
}

/** Makes digits of received telephone-events: each once, at its end. */
export class EventReceiver {
  #current: HeardEvent | undefined;
  #heard: (digit: string, duration: number) => void;
  /** What durations, and the stream's timestamps, count in, Hz. */
  clock = clockRate;

  /** @param heard takes a digit and how long it was held, ms */
  constructor(heard: (digit: string, duration: number) => void) {
    this.#heard = heard;
  }

  /** A new source: timestamps start anew. */
  reset(): void {
    this.#finish();
    this.#current = undefined;
  }

  /** Takes a telephone-event packet's payload; `now` in ms. */
  receive(packet: Uint8Array, offset: number, length: number, timestamp: number, marker: boolean, now: number): void {
    if (length < 4) return;
    const code = packet[offset] ?? 0;
    const end = ((packet[offset + 1] ?? 0) & 0x80) !== 0;
    const duration = ((packet[offset + 2] ?? 0) << 8) | (packet[offset + 3] ?? 0);
    // Hook flash and tones are not keys.
    if (code >= digits.length) return;
    let event = this.#current;
    if (event === undefined || event.timestamp !== timestamp || event.code !== code) {
      const ahead = event === undefined ? 1 : (timestamp - event.timestamp) | 0;
      if (event !== undefined && ahead <= 0 && ahead > -10 * this.clock) return;
      // An event longer than 16 bits goes on under a new timestamp (§2.5.1.3); some phones move it with each packet.
      const goesOn =
        event !== undefined &&
        !event.over &&
        event.code === code &&
        !marker &&
        ahead <= event.duration + this.clock / 50;
      if (event !== undefined && goesOn) {
        event.before += ahead;
        event.timestamp = timestamp;
        event.duration = 0;
      } else {
        this.#finish();
        event = { code, timestamp, before: 0, duration: 0, over: false, lastHeard: now };
        this.#current = event;
      }
    }
    if (event === undefined || event.over) return;
    event.duration = Math.max(event.duration, duration);
    event.lastHeard = now;
    if (end) this.#finish();
  }

  /** Ends an event whose packets have stopped; call it now and then. */
  tick(now: number): void {
    const event = this.#current;
    if (event !== undefined && !event.over && now - event.lastHeard > lostAfter) this.#finish();
  }

  #finish(): void {
    const event = this.#current;
    if (event === undefined || event.over) return;
    event.over = true;
    this.#heard(digits.charAt(event.code), Math.round(((event.before + event.duration) * 1000) / this.clock));
  }
}
