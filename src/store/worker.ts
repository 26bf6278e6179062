/** The store's worker: the only one that waits for the disk. */
import type { FromWorker, ToWorker } from "./protocol.ts";
import { reasonOf, Writer } from "./sqlite-file.ts";

declare const self: Worker;

let file = "";
let writer: Writer | undefined;

self.onmessage = ({ data }: MessageEvent<ToWorker>) => {
  const answer = serve(data);
  self.postMessage(answer);
};

function serve(message: ToWorker): FromWorker {
  try {
    switch (message.type) {
      case "open":
        file = message.file;
        writer = new Writer(file);
        return { type: "opened" };
      case "write":
        // The file may have been out of reach.
        writer ??= new Writer(file);
        writer.write(message.batch);
        return { type: "written" };
      case "last":
        return { type: "records", question: message.question, json: writer?.last(message.count) ?? [] };
      case "close":
        writer?.close();
        writer = undefined;
        return { type: "closed" };
    }
  } catch (error) {
    if (message.type === "last") return { type: "records", question: message.question, json: [] };
    if (message.type === "close") return { type: "closed" };
    reopen();
    return { type: "failed", reason: reasonOf(error) };
  }
}

/** After an error the file is opened anew: what SQLite remembers of it may be what is wrong. */
function reopen(): void {
  try {
    writer?.close();
  } catch {
    // Then it goes with the process.
  }
  writer = undefined;
}
