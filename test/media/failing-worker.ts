/** A media worker that hands out ports and then dies at the first session. */
import { readBatch, type ToMain, type ToWorker } from "../../src/media/protocol.ts";

declare const self: Worker;

self.onmessage = ({ data }: MessageEvent<string>) => {
  for (const message of readBatch<ToWorker>(data)) {
    if (message.type === "open") throw new RangeError("the worker is broken");
    if (message.type !== "grow") continue;
    const { family, count } = message;
    const ports = Array.from({ length: count }, (_, i) => 20_000 + 2 * i);
    const reply: ToMain[] = [{ type: "ports", family, asked: count, ports }];
    self.postMessage(JSON.stringify(reply));
  }
};
