/**
 * The entry of the media workers: what the first message asks for, calls' sessions or the relay, is given its clock, its
 * randomness and its way to the main thread.
 */
import { Engine } from "./engine.ts";
import { Batch, readBatch, type ToMain, type ToWorker } from "./protocol.ts";
import { RelayWorker } from "./relay/engine.ts";
import type { FromRelay, ToRelay } from "./relay/protocol.ts";

declare const self: Worker;

const toMain = new Batch<ToMain>((batch) => self.postMessage(batch));

const clock = {
  now: () => performance.now(),
  after: (ms: number, fire: () => void) => {
    const timer = setTimeout(fire, ms);
    return { cancel: () => clearTimeout(timer) };
  },
};

const words = new Uint32Array(256);
let used = words.length;
/** 32 unpredictable bits, drawn in bulk. */
function random(): number {
  if (used === words.length) {
    crypto.getRandomValues(words);
    used = 0;
  }
  return words[used++] ?? 0;
}

let engine: Engine | undefined;
let relay: RelayWorker | undefined;

function takeCall(message: ToWorker): void {
  if (message.type !== "start") return void engine?.receive(message);
  const world = { clock, wall: (now: number) => performance.timeOrigin + now, random };
  engine = new Engine(
    message,
    world,
    (out) => toMain.add(out),
    (sound) => self.postMessage(sound),
  );
}

/** What the relay says is rare, and its thread gives no timer its time: nothing is kept back to go with other things. */
const tell = (message: FromRelay) => self.postMessage(JSON.stringify([message]));

function takeRelay(message: ToRelay): void {
  if (message.type === "relay") relay = new RelayWorker(message, () => performance.now(), tell);
  else relay?.receive(message);
}

/** What this worker is for, as its first message says. */
let receive: ((batch: string) => void) | undefined;

self.onmessage = ({ data }: MessageEvent<string | Uint8Array>) => {
  if (typeof data !== "string") return engine?.receiveSound(data);
  receive ??=
    readBatch<{ type: string }>(data)[0]?.type === "relay"
      ? (batch) => readBatch<ToRelay>(batch).forEach(takeRelay)
      : (batch) => readBatch<ToWorker>(batch).forEach(takeCall);
  receive(data);
};
