/** The store's worker: the only one that waits for the disk. */
import type { FromWorker, ToWorker } from "./protocol.ts";
import { reasonOf, Writer } from "./sqlite-file.ts";
import type { Retention } from "./types.ts";

declare const self: Worker;

let file = "";
let writer: Writer | undefined;
let retention: Retention | undefined;

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
        if (writer === undefined) {
          writer = new Writer(file);
          if (retention !== undefined) writer.retain(retention);
        }
        writer.write(message.batch);
        return { type: "written" };
      case "find":
        return { type: "records", question: message.question, rows: writer?.find(message.filter) ?? [] };
      case "retain":
        retention = message.retention;
        writer?.retain(retention);
        return { type: "retained" };
      case "close":
        writer?.close();
        writer = undefined;
        return { type: "closed" };
    }
  } catch (error) {
    if (message.type === "find") return { type: "records", question: message.question, rows: [] };
    if (message.type === "retain") return { type: "retained" };
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
