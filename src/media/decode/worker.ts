/** The entry of the decoding thread: compressed files become samples here, so that no packet of a call waits for them. */
import { decodeFile } from "./file.ts";
import type { FromDecoder, ToDecoder } from "./protocol.ts";

declare const self: Worker;

interface Job {
  cancelled: boolean;
  go: () => void;
}
const jobs = new Map<number, Job>();

self.onmessage = ({ data }: MessageEvent<ToDecoder>) => {
  const job = jobs.get(data.id);
  if (data.type === "open") void decode(data.id, data.path, data.rate);
  else if (data.type === "next") job?.go();
  else if (job !== undefined) {
    job.cancelled = true;
    job.go();
  }
};

const tell = (message: FromDecoder) => self.postMessage(message);

async function decode(id: number, path: string, rate: number): Promise<void> {
  const job: Job = { cancelled: false, go: () => {} };
  jobs.set(id, job);
  try {
    for await (const samples of decodeFile(path, rate)) {
      const taken = new Promise<void>((resolve) => {
        job.go = resolve;
      });
      tell({ type: "sound", id, samples });
      await taken;
      if (job.cancelled) return;
    }
    tell({ type: "end", id });
  } catch (error) {
    tell({ type: "failed", id, reason: error instanceof Error ? error.message : String(error) });
  } finally {
    jobs.delete(id);
  }
}
