/** tshark on the loopback: whether what a test sent and received is well-formed by somebody else's reading. */
import { join } from "node:path";
import { has } from "./available.ts";
import { temporaryFolder } from "./folder.ts";
import { Program, ProgramError } from "./program.ts";

/** Whether tshark is there and this user may capture; in CI that is a must, as with `has`. */
export function canCapture(): boolean {
  if (!has("tshark")) return false;
  if (Bun.which("dumpcap") !== null && Bun.spawnSync(["dumpcap", "-D"]).success) return true;
  const reason = "this user may not capture packets: run as root, or join the group wireshark";
  if (process.env.CI) throw new ProgramError(reason);
  console.error(`skipped: ${reason}`);
  return false;
}

export interface Capture {
  file: string;
  /** Ends the capture once `packets` matching packets, or what comes within 1 s, are written. */
  stop(): Promise<void>;
  /** Lines of tshark for a display filter, with `fields` if given (tab-separated) or as its summary. */
  read(filter: string, fields?: readonly string[]): string[];
  /** Whatever tshark finds malformed, or wrong enough to call an error; empty when all is well. */
  malformed(): string[];
}

/** Starts capturing on `lo`; `filter` as libpcap's, such as `udp port 5060`. SIP is looked for on `sipPorts`. */
export async function capture(filter: string, sipPorts: readonly number[]): Promise<Capture> {
  const file = join(temporaryFolder("capture"), "capture.pcapng");
  const program = new Program({ command: ["tshark", "-i", "lo", "-f", filter, "-w", file, "-q"] });
  await program.line(/Capturing on/);
  // The line comes a little before the capture: packets sent at once would be missed.
  await Bun.sleep(500);
  const decode = sipPorts.flatMap((port) => ["-d", `udp.port==${port},sip`, "-d", `tcp.port==${port},sip`]);
  const read = (display: string, fields: readonly string[] = []) => {
    const done = Bun.spawnSync([
      ...["tshark", "-n", "-r", file, ...decode, "-o", "rtp.heuristic_rtp:TRUE", "-Y", display],
      ...(fields.length === 0 ? [] : ["-T", "fields", ...fields.flatMap((field) => ["-e", field])]),
    ]);
    return done.stdout
      .toString()
      .split("\n")
      .filter((line) => line !== "");
  };
  return {
    file,
    read,
    malformed: () => read('_ws.malformed || (_ws.expert.severity == "Error")'),
    stop: async () => {
      await Bun.sleep(1000);
      program.signal("SIGINT");
      await program.finish(5000);
    },
  };
}
