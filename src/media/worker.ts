/** The media worker's entry: gives the engine its clock, its randomness and its way to the main thread. */
import { Engine } from "./engine.ts";
import { Batch, readBatch, type ToMain, type ToWorker } from "./protocol.ts";

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
self.onmessage = ({ data }: MessageEvent<string>) => {
  for (const message of readBatch<ToWorker>(data)) {
    if (message.type === "start")
      engine = new Engine(message, { clock, wall: (now) => performance.timeOrigin + now, random }, (out) =>
        toMain.add(out),
      );
    else engine?.receive(message);
  }
};
