/** What an answered call costs: INVITE, 200, ACK, BYE. siproc with a script, beside a bare SIPp UAS and, where it is built, pjsua. */
import { freePort, untilBound } from "../support/peers/ports.ts";
import { Program } from "../support/peers/program.ts";
import { startSipp } from "../support/peers/sipp.ts";
import { answer, cpu, load, type Row, server, serverCore } from "./load.ts";

const rate = 400; // calls per second
const calls = 4000;

/** The least that answers a call: no 180, no waiting. */
const uas = `<?xml version="1.0" encoding="ISO-8859-1"?>
<scenario name="uas">
  <recv request="INVITE"/>
  <send retrans="500"><![CDATA[
SIP/2.0 200 OK
@@reply@@;tag=[pid]S[call_number]
@@contact@@
Content-Type: application/sdp
Content-Length: [len]

@@sdp@@
]]></send>
  <recv request="ACK"/>
  <recv request="BYE"/>
  <send><![CDATA[
SIP/2.0 200 OK
@@reply@@
Content-Length: 0

]]></send>
</scenario>
`;

interface Subject {
  name: string;
  /** When its price is taken: after so many further calls. */
  phases: readonly { label: string; after: number }[];
  start(): Promise<{ pid: number; address: string; stop(): Promise<unknown> }>;
}

const subjects: Subject[] = [
  {
    name: "SIPp UAS",
    phases: [{ label: "", after: rate }],
    start: async () => {
      const run = await startSipp({
        scenario: uas,
        calls: 10 * calls,
        timeout: 120_000,
        trace: false,
        prefix: serverCore,
      });
      return { pid: run.program.pid, address: `127.0.0.1:${run.port}`, stop: () => run.program.stop() };
    },
  },
  {
    name: "siproc, script",
    // The first calls pay for the compiler, which is done with its work some 15,000 calls later.
    phases: [
      { label: ", started just now", after: rate },
      { label: ", warm", after: 12_000 },
    ],
    start: async () => {
      const started = await server(answer, { mediaPorts: 4000 });
      return { pid: started.program.pid, address: started.address, stop: started.stop };
    },
  },
];
if (Bun.which("pjsua") !== null)
  subjects.push({
    name: "pjsua",
    phases: [{ label: "", after: rate }],
    start: async () => {
      const port = await freePort();
      const options = [
        "--null-audio",
        "--auto-answer=200",
        "--no-tcp",
        "--max-calls=32",
        "--app-log-level=1",
        "--log-level=1",
      ];
      const program = new Program({
        command: [
          ...serverCore,
          "pjsua",
          ...options,
          `--local-port=${port}`,
          "--bound-addr=127.0.0.1",
          "--ip-addr=127.0.0.1",
        ],
        stdin: true,
      });
      await untilBound(port, "udp");
      return { pid: program.pid, address: `127.0.0.1:${port}`, stop: () => program.stop() };
    },
  });

export async function* answerBench(): AsyncIterable<Row> {
  const cost = new Map<string, number>();
  for (const { name, phases, start } of subjects) {
    const subject = await start();
    try {
      for (const { label, after } of phases) {
        if (after > 0) await load({ scenario: "uac-early-hangup", remote: subject.address, rate, calls: after });
        const before = cpu(subject.pid);
        const began = performance.now();
        const run = await load({ scenario: "uac-early-hangup", remote: subject.address, rate, calls });
        const seconds = (performance.now() - began) / 1000;
        const each = (cpu(subject.pid) - before) / Math.max(1, run.successful);
        cost.set(name, each);
        yield {
          bench: "answer",
          subject: name + label,
          result: `${each.toFixed(0)} µs CPU per call, ${(run.successful / seconds).toFixed(0)} calls/s, ${run.failed} failed, ${run.retransmissions} retransmitted`,
          against: ratios(name, cost),
        };
      }
    } finally {
      await subject.stop();
    }
  }
}

function ratios(name: string, cost: ReadonlyMap<string, number>): string {
  const mine = cost.get(name) ?? 0;
  return [...cost]
    .filter(([other]) => other !== name)
    .map(([other, each]) => `${(mine / each).toFixed(2)} × ${other}`)
    .join(", ");
}
