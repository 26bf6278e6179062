/** A relay's worker that dies when a session is configured. */
import { readBatch } from "../../src/media/protocol.ts";
import { RelayWorker } from "../../src/media/relay/engine.ts";
import type { ToRelay } from "../../src/media/relay/protocol.ts";

declare const self: Worker;

let relay: RelayWorker | undefined;
self.onmessage = ({ data }: MessageEvent<string>) => {
  for (const message of readBatch<ToRelay>(data)) {
    if (message.type === "configure") throw new RangeError("the worker is broken");
    if (message.type !== "relay") relay?.receive(message);
    else
      relay = new RelayWorker(
        message,
        () => performance.now(),
        (out) => self.postMessage(JSON.stringify([out])),
      );
  }
};
