/**
 * What a call through a proxy costs: INVITE, 180, 200, ACK, BYE, 200. siproc's stateless and stateful proxies beside
 * Kamailio's (one worker) and, for the stateless one, Net::SIP's; the same caller and callee, the same core, in turn.
 */
import { missing } from "../support/peers/available.ts";
import { kamailio } from "../support/peers/kamailio.ts";
import { freePort, untilBound } from "../support/peers/ports.ts";
import { Program } from "../support/peers/program.ts";
import { startSipp } from "../support/peers/sipp.ts";
import { cpu, load, loadCore, memory, type Row, server, serverCore } from "./load.ts";

const rate = 1000; // calls per second
const calls = 6000;
const rounds = 3;
/** The compiler of JavaScript is done with its work some 20,000 calls after the start. */
const warm = 20_000;
/** Nothing may be lost at this rate. */
const fast = { rate: 2000, calls: 20_000 };
/** What Net::SIP can take. */
const slow = { rate: 200, calls: 1200 };

const callee = `<?xml version="1.0" encoding="ISO-8859-1"?>
<scenario name="callee">
  <recv request="INVITE"/>
  <send><![CDATA[
SIP/2.0 180 Ringing
@@reply@@;tag=[pid]S[call_number]
@@contact@@
Content-Length: 0

]]></send>
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

type Mode = "stateless" | "stateful";

interface Subject {
  name: string;
  mode: Mode;
  pid: number;
  address: string;
  costs: number[];
  failed: number;
  retransmissions: number;
  stop(): Promise<unknown>;
}

function subject(name: string, mode: Mode, pid: number, address: string, stop: () => Promise<unknown>): Subject {
  return { name, mode, pid, address, stop, costs: [], failed: 0, retransmissions: 0 };
}

async function siprocProxy(mode: Mode, target: string): Promise<Subject> {
  const config = `limits: { requests_per_source: 0 }\nroutes: [{ to: "*", proxy: "sip:bench@${target}", mode: ${mode} }]`;
  const { program, address, stop } = await server("", { config, mediaPorts: 40 });
  return subject("siproc", mode, program.pid, address, stop);
}

async function kamailioProxy(mode: Mode, target: string): Promise<Subject> {
  const relay = mode === "stateless" ? "forward();" : "t_relay();";
  const routes = `
request_route {
  if (!mf_process_maxfwd_header("10")) { sl_send_reply("483", "Too Many Hops"); exit; }
  if (has_totag()) { loose_route(); ${relay} exit; }
  ${mode === "stateful" ? 'if (is_method("CANCEL")) { t_relay(); exit; }\n  t_check_trans();' : ""}
  record_route();
  $ru = "sip:bench@${target}";
  ${relay}
}`;
  const { program, address, stop } = await kamailio({ host: "127.0.0.1", prefix: serverCore, routes });
  return subject("Kamailio", mode, program.pid, address, stop);
}

/** The system of the seed that the stateless proxy succeeds, in its own few lines. */
async function netSipProxy(target: string): Promise<Subject> {
  const port = await freePort();
  const script = `use Net::SIP;
my $ua = Net::SIP::Simple->new(leg => 'sip:127.0.0.1:${port};transport=udp', domain2proxy => { '*' => '${target}' });
$ua->create_stateless_proxy; $ua->loop;`;
  const program = new Program({ command: [...serverCore, "perl", "-e", script] });
  await untilBound(port, "udp");
  return subject("Net::SIP", "stateless", program.pid, `127.0.0.1:${port}`, () => program.stop());
}

async function run(of: Subject, pace: { rate: number; calls: number }): Promise<number> {
  const before = cpu(of.pid);
  const result = await load({ scenario: "uac-early-hangup", remote: of.address, ...pace });
  of.failed += result.failed;
  of.retransmissions += result.retransmissions;
  return (cpu(of.pid) - before) / Math.max(1, result.successful);
}

function told(of: Subject, cost: number): string {
  const lost = `${of.failed} failed, ${of.retransmissions} retransmitted`;
  const megabytes = (memory(of.pid) / 1024).toFixed(0);
  of.failed = 0;
  of.retransmissions = 0;
  return `${cost.toFixed(0)} µs CPU per call, ${lost}, ${megabytes} MB`;
}

export async function* proxyBench(): AsyncIterable<Row> {
  if (missing(["kamailio"]).length > 0) {
    yield { bench: "proxy", subject: "Kamailio", result: "not installed: nothing to compare with" };
    return;
  }
  for (const mode of ["stateless", "stateful"] as const) {
    const phone = await startSipp({
      scenario: callee,
      calls: 1_000_000,
      timeout: 600_000,
      trace: false,
      prefix: loadCore,
      args: ["-buff_size", "8388608"],
    });
    const target = `127.0.0.1:${phone.port}`;
    const subjects: Subject[] = [];
    try {
      subjects.push(await kamailioProxy(mode, target), await siprocProxy(mode, target));
      yield* compared(mode, subjects);
      if (mode === "stateless" && missing(["Net::SIP"]).length === 0) yield* besideNetSip(subjects, target);
    } finally {
      for (const each of subjects) await each.stop();
      await phone.stop();
    }
  }
}

async function* compared(mode: Mode, subjects: readonly Subject[]): AsyncIterable<Row> {
  const bench = `proxy, ${mode}`;
  for (const each of subjects) {
    const cost = await run(each, { rate, calls });
    yield { bench, subject: `${each.name}, started just now`, result: told(each, cost) };
    if (each.name === "siproc") await run(each, { rate, calls: warm });
    told(each, 0);
  }
  for (let round = 0; round < rounds; round++)
    for (const each of subjects) each.costs.push(await run(each, { rate, calls }));
  yield* rows(bench, subjects, ({ costs }) => median(costs));
  const costs = new Map<Subject, number>();
  for (const each of subjects) costs.set(each, await run(each, fast));
  yield* rows(`${bench}, ${fast.rate}/s`, subjects, (each) => costs.get(each) ?? 0);
}

async function* besideNetSip(others: readonly Subject[], target: string): AsyncIterable<Row> {
  const netSip = await netSipProxy(target);
  try {
    const subjects = [netSip, ...others];
    const costs = new Map<Subject, number>();
    for (const each of subjects) costs.set(each, await run(each, slow));
    yield* rows(`proxy, stateless, ${slow.rate}/s`, subjects, (each) => costs.get(each) ?? 0);
  } finally {
    await netSip.stop();
  }
}

/** One row each; siproc's beside the first one's. */
function* rows(bench: string, subjects: readonly Subject[], costOf: (of: Subject) => number): Iterable<Row> {
  const [yardstick] = subjects;
  for (const each of subjects) {
    const cost = costOf(each);
    const row = { bench, subject: each.name, result: told(each, cost) };
    if (each.name !== "siproc" || yardstick === undefined) yield row;
    else yield { ...row, against: `${(cost / costOf(yardstick)).toFixed(2)} × ${yardstick.name}` };
  }
}

function median(costs: readonly number[]): number {
  return [...costs].sort((a, b) => a - b)[Math.floor(costs.length / 2)] ?? 0;
}
