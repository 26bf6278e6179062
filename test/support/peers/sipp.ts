/** SIPp (Debian's sip-tester): one scenario, one run, what it counted and every message it saw. */
import { existsSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { temporaryFolder } from "./folder.ts";
import { freePort, untilBound } from "./ports.ts";
import { Program } from "./program.ts";

const scenarios = resolve(import.meta.dir, "../../interop/scenarios");

/**
 * What all scenarios share, written `@@name@@` in them: the header lines of a request of ours (`dialog`) and of an answer of
 * ours (`reply`; its To comes last so that a scenario can add a tag), our Contact, and a plain G.711 offer.
 */
const shared: Readonly<Record<string, string>> = {
  dialog: [
    "Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]",
    "[routes]",
    "Max-Forwards: 70",
    "From: <sip:caller@[local_ip]:[local_port]>;tag=[pid]C[call_number]",
    "To: <sip:[service]@[remote_ip]:[remote_port]>[peer_tag_param]",
    "Call-ID: [call_id]",
  ].join("\n"),
  reply: ["[last_Via:]", "[last_Record-Route:]", "[last_From:]", "[last_Call-ID:]", "[last_CSeq:]", "[last_To:]"].join(
    "\n",
  ),
  contact: "Contact: <sip:caller@[local_ip]:[local_port];transport=[transport]>",
  sdp: [
    "v=0",
    "o=caller 1 1 IN IP[media_ip_type] [media_ip]",
    "s=-",
    "c=IN IP[media_ip_type] [media_ip]",
    "t=0 0",
    "m=audio [media_port] RTP/AVP 0 8 101",
    "a=rtpmap:0 PCMU/8000",
    "a=rtpmap:8 PCMA/8000",
    "a=rtpmap:101 telephone-event/8000",
    "a=fmtp:101 0-15",
  ].join("\n"),
  /** Milliseconds. */
  pause: "500",
};

export interface SippOptions {
  /** A file of test/interop/scenarios without `.xml`, or a scenario's text. */
  scenario: string;
  /** Values for `@@name@@` in the scenario, replaced before SIPp reads it, such as a capture's file name or a pause in ms. */
  values?: Readonly<Record<string, string>>;
  /** Whom to call, `host:port`. Without it the scenario waits for calls. */
  remote?: string;
  /** The user part of the URI that is called; `[service]` in scenarios. */
  service?: string;
  transport?: "udp" | "tcp";
  /** The address to bind, IPv4 or IPv6. */
  host?: string;
  /** Calls in all, new ones per second, and at most at once. */
  calls?: number;
  rate?: number;
  limit?: number;
  /** Milliseconds after which the run counts as failed; 20,000 by default. */
  timeout?: number;
  /** Logging each message costs time: off for load. */
  trace?: boolean;
  /** Words put before the command, such as `taskset -c 1`. */
  prefix?: readonly string[];
  args?: readonly string[];
}

export interface SippMessage {
  direction: "sent" | "received";
  text: string;
}

export interface SippResult {
  /** 0 when every call went as the scenario says; 1 when one did not; 97 after `timeout`. */
  code: number;
  successful: number;
  failed: number;
  retransmissions: number;
  /** Every SIP message in order (`trace`). */
  messages: SippMessage[];
  /** What SIPp complained of, for a failing test's output. */
  errors: string;
  /** The last row of SIPp's statistics, by column. */
  statistics: Readonly<Record<string, string>>;
}

export interface SippRun {
  port: number;
  mediaPort: number;
  program: Program;
  result: Promise<SippResult>;
  /** Every SIP message so far (`trace`). */
  messages(): SippMessage[];
  stop(): Promise<SippResult>;
}

/** Runs a scenario to its end. */
export async function sipp(options: SippOptions): Promise<SippResult> {
  return await (await startSipp(options)).result;
}

/** Starts a scenario; resolves when its port is bound, so that it can be called. */
export async function startSipp(options: SippOptions): Promise<SippRun> {
  const folder = temporaryFolder("sipp", { "scenario.xml": scenarioText(options) });
  const port = await freePort();
  // RTP, RTCP, and the same for the video that SIPp makes ready for.
  const mediaPort = await freePort(6);
  const host = options.host ?? "127.0.0.1";
  const transport = options.transport ?? "udp";
  const timeout = options.timeout ?? 20_000;
  const trace = options.trace ?? true;
  const program = new Program({
    command: [
      ...(options.prefix ?? []),
      "sipp",
      ...["-sf", "scenario.xml", "-nostdin", "-i", host, "-p", `${port}`, "-mi", host, "-mp", `${mediaPort}`],
      ...["-t", transport === "udp" ? "u1" : "t1", "-m", `${options.calls ?? 1}`],
      ...["-r", `${options.rate ?? 10}`, "-l", `${options.limit ?? 100}`],
      // On a busy machine its watchdog would count a wait for the processor as an error.
      ...["-watchdog_minor_threshold", "60000", "-watchdog_major_threshold", "60000"],
      ...["-timeout", `${Math.ceil(timeout / 1000)}s`, "-timeout_error"],
      ...["-trace_stat", "-stf", "statistics.csv", "-fd", "1", "-trace_err", "-error_file", "errors.log"],
      ...(trace ? ["-trace_msg", "-message_file", "messages.log"] : []),
      ...(options.service === undefined ? [] : ["-s", options.service]),
      ...(options.args ?? []),
      ...(options.remote === undefined ? [] : [options.remote]),
    ],
    cwd: folder,
  });
  const result = program.finish(timeout + 5000).then((code) => readResult(folder, code));
  // A run that ends at once (a scenario with a mistake) has bound nothing: its result says why.
  await Promise.race([untilBound(port, transport, 5000, program.pid), program.exited]);
  return {
    port,
    mediaPort,
    program,
    result,
    messages: () => {
      const log = join(folder, "messages.log");
      return existsSync(log) ? [...readMessages(readFileSync(log, "latin1"))] : [];
    },
    stop: async () => {
      // SIGUSR1: finish the calls at hand, write the statistics, end.
      program.signal("SIGUSR1");
      const timer = setTimeout(() => void program.stop(), 2000);
      const ended = await result;
      clearTimeout(timer);
      return ended;
    },
  };
}

function scenarioText(options: SippOptions): string {
  const text = options.scenario.includes("<")
    ? options.scenario
    : readFileSync(join(scenarios, `${options.scenario}.xml`), "utf8");
  return text.replace(/@@([\w-]+)@@/g, (_, name: string) => {
    const value = options.values?.[name] ?? shared[name];
    if (value === undefined) throw new RangeError(`scenario ${options.scenario} needs a value for @@${name}@@`);
    return value;
  });
}

function readResult(folder: string, code: number): SippResult {
  const read = (name: string) => (existsSync(join(folder, name)) ? readFileSync(join(folder, name), "latin1") : "");
  const rows = read("statistics.csv").trim().split("\n");
  const names = (rows[0] ?? "").split(";");
  const last = rows.length > 1 ? (rows.at(-1) ?? "").split(";") : [];
  const statistics = Object.fromEntries(names.map((name, at) => [name, last[at] ?? ""]));
  const count = (name: string) => Number(statistics[name] ?? 0);
  return {
    code,
    successful: count("SuccessfulCall(C)"),
    failed: count("FailedCall(C)"),
    retransmissions: count("Retransmissions(C)"),
    messages: [...readMessages(read("messages.log"))],
    errors: read("errors.log"),
    statistics,
  };
}

function* readMessages(log: string): Iterable<SippMessage> {
  for (const part of log.split(/^-{20,}.*\n/m)) {
    const found = /^(?:UDP|TCP|TLS) message (sent|received) [\s\S]*?:\n\n([\s\S]*)$/.exec(part);
    if (found === null) continue;
    const [, direction, text] = found;
    yield { direction: direction === "sent" ? "sent" : "received", text: (text ?? "").replace(/\n$/, "") };
  }
}

/**
 * The status lines that SIPp received, such as `180 INVITE`, and the requests, such as `BYE`: a call's story on one line,
 * without what was repeated, as it is on a busy machine.
 */
export function received(result: SippResult): string[] {
  return withoutRepetitions(result)
    .messages.filter(({ direction }) => direction === "received")
    .map(({ text }) => headline(text));
}

/** The same without messages that were repeated, as on a busy machine they are. */
function withoutRepetitions(result: SippResult): SippResult {
  const seen = new Set<string>();
  const isNew = ({ text }: SippMessage) => !seen.has(text) && seen.add(text);
  return { ...result, messages: result.messages.filter(isNew) };
}

function headline(text: string): string {
  const response = /^SIP\/2\.0 (\d{3})/.exec(text);
  if (response === null) return text.split(" ", 1)[0] ?? "";
  return `${response[1]} ${/^CSeq:\s*\d+\s+(\w+)/im.exec(text)?.[1] ?? ""}`;
}
