/**
 * What an answered call costs the main thread, sockets, audio and script aside: INVITE, 200 with SDP, ACK, BYE, 200, from
 * octets to octets, with a handler that answers at once. 500 calls a second of virtual time, so that the transactions of
 * 16,000 former calls are kept and end meanwhile. Run it with `bun test/bench/agent.bench.ts`.
 */
import { defaultSettings, UserAgent } from "../../src/agent/index.ts";
import type { CallControl, Handler } from "../../src/call/index.ts";
import { createLog } from "../../src/log.ts";
import type { MediaEngine, MediaSession } from "../../src/media/index.ts";
import { Bans, Guard } from "../../src/routing/index.ts";
import { Admission } from "../../src/server/admission.ts";
import { Calls } from "../../src/server/calls.ts";
import { Dispatch, type OnPath } from "../../src/server/dispatch.ts";
import type { Flow } from "../../src/sip/flow.ts";
import { MergeGuard } from "../../src/sip/merged.ts";
import { checkRequest, parseMessage } from "../../src/sip/message.ts";
import { type Random, secureRandom } from "../../src/sip/random.ts";
import { TransactionLayer } from "../../src/sip/transaction/index.ts";
import { SystemClock } from "../../src/transport/index.ts";

const batch = 500;
const batches = 80;
/** Batches before the clock of the benchmark starts: what is compiled is compiled, and as many calls are kept as ever. */
const warmUp = 40;

let now = 0;
let alarm: { at: number; fire: () => void } | undefined;
const clock = new SystemClock({
  now: () => now,
  schedule: (ms, fire) => {
    const own = { at: now + ms, fire };
    alarm = own;
    return () => {
      if (alarm === own) alarm = undefined;
    };
  },
});

let sent = 0;
const flow: Flow = {
  transport: "udp",
  reliable: false,
  local: { host: "192.0.2.1", port: 5060 },
  remote: { host: "192.0.2.9", port: 5060 },
  id: "bench",
  send: () => void sent++,
};

const silence: MediaSession = {
  rtpPort: 20_000,
  rtcpPort: 20_001,
  listener: () => {},
  configure() {},
  play() {},
  pause() {},
  seek() {},
  volume() {},
  stop() {},
  record() {},
  dtmf() {},
  mute() {},
  echo() {},
  count() {},
  tone() {},
  join() {},
  leave() {},
  listenOnly() {},
  tap: () => ({ write() {}, mark() {}, clear() {}, close() {} }),
  close() {},
};
const media: MediaEngine = {
  open: () => ({ ...silence }),
  close: () => Promise.resolve(),
  stats: { sessions: 0, free: batch, pairs: batch, restarts: 0 },
};

let tag = "";
/** Keeps the last tag, so that the benchmark need not read the answers. */
const random: Random = {
  token(bytes) {
    const token = secureRandom.token(bytes);
    if (bytes === 8) tag = token;
    return token;
  },
};

const log = createLog({ level: "warn", format: "json" });
let agent: UserAgent;
const merged = new MergeGuard(clock);
const guard = new Guard({
  clock,
  bans: new Bans({ now: () => clock.now() }),
  settings: { failures: 0, within: 0, for: 0, scanners: true, never: [], requestsPerSource: 0 },
});
const proxies: OnPath = { byRoute: () => false, cancel: () => false, response: () => false };
const dispatch = new Dispatch(() => ({ agent, transactions, guard, proxies, retryAfter: () => "10" }));
const transactions: TransactionLayer = new TransactionLayer({ clock, random, user: dispatch });
agent = new UserAgent({
  clock,
  random,
  log,
  settings: { ...defaultSettings },
  ways: {
    flowTo: () => flow,
    viaFor: () => ({ transport: "UDP", host: "192.0.2.1", port: 5060 }),
    contactFor: () => "192.0.2.1:5060",
  },
  transactions,
  sessions: new Map(),
});
const admission = new Admission({ clock, random, log, waited: () => 0 });
const calls = new Calls({ agent, media, admission, clock, random, log }, { calls: batch, callsPerSource: batch });

const counts = { connected: 0, ended: 0 };
const handler: Handler = {
  start(call: CallControl) {
    call.listen((event) => {
      if (event.name === "CONNECTED") counts.connected++;
      if (event.name === "ENDED") counts.ended++;
    });
    call.perform({ name: "ANSWER" }, () => {});
  },
};
dispatch.routes = ({ tx, request }) => {
  if (merged.isMerged(request)) return false;
  calls.receive(tx, request, handler);
  return true;
};

const sdp = [
  "v=0",
  "o=caller 53655765 2353687637 IN IP4 192.0.2.9",
  "s=-",
  "c=IN IP4 192.0.2.9",
  "t=0 0",
  "m=audio 6000 RTP/AVP 0 101",
  "a=rtpmap:0 PCMU/8000",
  "a=rtpmap:101 telephone-event/8000",
  "",
].join("\r\n");

/** A message with places for the number of the call (8 digits, three times) and our tag. */
function template(method: string, sequence: number, inDialog: boolean): Buffer {
  const body = method === "INVITE" ? sdp : "";
  return Buffer.from(
    [
      `${method} sip:bench@192.0.2.1:5060 SIP/2.0`,
      `Via: SIP/2.0/UDP 192.0.2.9:5060;branch=z9hG4bK-4711-NNNNNNNN-${method.length}`,
      "From: caller <sip:caller@192.0.2.9:5060>;tag=4711TNNNNNNNN",
      `To: <sip:bench@192.0.2.1:5060>${inDialog ? ";tag=TTTTTTTTTTTTTTTT" : ""}`,
      "Call-ID: NNNNNNNN-4711@192.0.2.9",
      `CSeq: ${sequence} ${method}`,
      ...(method === "INVITE"
        ? [
            "Contact: <sip:caller@192.0.2.9:5060;transport=UDP>",
            "Subject: Performance",
            "Content-Type: application/sdp",
          ]
        : []),
      "Max-Forwards: 70",
      `Content-Length: ${body.length}`,
      "",
      body,
    ].join("\r\n"),
  );
}

/** Fills in a template: as cheap as the copy that a socket makes of each datagram. */
function writer(method: string, sequence: number, inDialog: boolean): (call: number, tag: string) => Buffer {
  const form = template(method, sequence, inDialog);
  const numbers: number[] = [];
  for (let at = form.indexOf("NNNNNNNN"); at >= 0; at = form.indexOf("NNNNNNNN", at + 1)) numbers.push(at);
  const tagAt = form.indexOf("TTTTTTTTTTTTTTTT");
  return (call, own) => {
    const copy = Buffer.from(form);
    const digits = String(10_000_000 + call);
    for (const at of numbers) copy.write(digits, at, "latin1");
    if (tagAt >= 0) copy.write(own, tagAt, "latin1");
    return copy;
  };
}

const invite = writer("INVITE", 1, false);
const ack = writer("ACK", 1, true);
const bye = writer("BYE", 2, true);

function receive(octets: Buffer): void {
  const message = parseMessage(octets, "datagram");
  if (message.type !== "request" || checkRequest(message) !== undefined)
    throw new TypeError("the benchmark's own message does not parse");
  transactions.receive(message, flow);
}

/** CPU time of the process in µs since `start`, garbage collection on other threads included. */
function used(start: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(start);
  return user + system;
}

const stages = { parse: [] as number[], invite: [] as number[], ack: [] as number[], bye: [] as number[] };
const totals: number[] = [];
let call = 0;
for (let round = 0; round < batches; round++) {
  const tags: string[] = [];
  const octets: Buffer[][] = [[], [], []];
  for (let n = 0; n < batch; n++) octets[0]?.push(invite(call + n, ""));
  const parts: number[] = [];
  for (const [stage, write] of [invite, ack, bye].entries()) {
    const messages = octets[stage] ?? [];
    if (stage > 0) for (let n = 0; n < batch; n++) messages.push(write(call + n, tags[n] ?? ""));
    const start = process.cpuUsage();
    for (const message of messages) {
      receive(message);
      if (stage === 0) tags.push(tag);
    }
    now += 1000 / 3;
    while (alarm !== undefined && alarm.at <= now) {
      const { fire } = alarm;
      alarm = undefined;
      fire();
    }
    parts.push(used(start) / batch);
  }
  call += batch;
  const start = process.cpuUsage();
  for (const messages of octets)
    for (const message of messages) {
      const parsed = parseMessage(message, "datagram");
      if (parsed.type === "request") checkRequest(parsed);
    }
  const parse = used(start) / batch;
  if (round < warmUp) continue;
  const [one = 0, two = 0, three = 0] = parts;
  stages.parse.push(parse);
  stages.invite.push(one);
  stages.ack.push(two);
  stages.bye.push(three);
  totals.push(one + two + three);
}
if (counts.connected !== call || counts.ended !== call || sent !== 2 * call)
  throw new RangeError(`${call} calls, of which ${counts.connected} were answered and ${counts.ended} ended`);

const describe = (times: number[]) => {
  const sorted = times.toSorted((a, b) => a - b);
  return `${(sorted[0] ?? 0).toFixed(1)} best, ${(sorted[sorted.length >> 1] ?? 0).toFixed(1)} median`;
};
console.log(`µs of CPU per answered call: ${describe(totals)} (${transactions.size} transactions kept)`);
for (const [name, times] of Object.entries(stages)) console.log(`  ${name}: ${describe(times)}`);
