/**
 * More calls than one core can serve: what is answered, what is refused, and whether the calls that were answered complete.
 *
 *     npm run build && npx bun test/bench/overload.bench.ts [capacity in calls/s] [seconds]
 *
 * The server has core 0 to itself, SIPp has core 1. Without a capacity it is measured first, by what a call costs.
 */
import { cpu, load, memory, server } from "./load.ts";

const seconds = Number(process.argv[3] ?? 15);
/** How long a caller stays, in ms. */
const pause = 1000;
const script = "export default async function (call: Call) { await call.answer(); await call.ended; }\n";

const caller = `<?xml version="1.0" encoding="ISO-8859-1"?>
<scenario name="overload">
  <send retrans="500"><![CDATA[
INVITE sip:[service]@[remote_ip]:[remote_port] SIP/2.0
@@dialog@@
CSeq: 1 INVITE
@@contact@@
Content-Type: application/sdp
Content-Length: [len]

@@sdp@@
]]></send>
  <recv response="100" optional="true"/>
  <recv response="180" optional="true"/>
  <recv response="503" optional="true" next="1" counter="refused"/>
  <recv response="200" rrs="true" rtd="true" counter="answered"/>
  <send><![CDATA[
ACK [next_url] SIP/2.0
@@dialog@@
CSeq: 1 ACK
Content-Length: 0

]]></send>
  <pause milliseconds="${pause}"/>
  <send retrans="500"><![CDATA[
BYE [next_url] SIP/2.0
@@dialog@@
CSeq: 2 BYE
Content-Length: 0

]]></send>
  <recv response="200" counter="completed" next="2"/>
  <label id="1"/>
  <send next="2"><![CDATA[
ACK sip:[service]@[remote_ip]:[remote_port] SIP/2.0
[last_Via:]
Max-Forwards: 70
[last_From:]
[last_To:]
[last_Call-ID:]
CSeq: 1 ACK
Content-Length: 0

]]></send>
  <label id="2"/>
</scenario>
`;

async function capacity(): Promise<number> {
  const subject = await server(script, { mediaPorts: 8000 });
  try {
    await load({ scenario: "uac-early-hangup", remote: subject.address, rate: 200, calls: 400 });
    const before = cpu(subject.program.pid);
    const calls = 1200;
    await load({ scenario: caller, remote: subject.address, rate: 300, calls });
    return Math.round((1e6 * calls) / (cpu(subject.program.pid) - before));
  } finally {
    await subject.stop();
  }
}

const core = Number(process.argv[2] ?? 0) || (await capacity());
console.log(`one core serves ${core} calls/s`);
for (const factor of [1.5, 2]) {
  const subject = await server(script, { mediaPorts: 8000 });
  try {
    await load({ scenario: "uac-early-hangup", remote: subject.address, rate: 200, calls: 400 });
    const rate = Math.round(factor * core);
    const calls = rate * seconds;
    let most = 0;
    const watch = setInterval(() => {
      most = Math.max(most, memory(subject.program.pid));
    }, 250);
    const began = performance.now();
    const before = cpu(subject.program.pid);
    const run = await load({ scenario: caller, remote: subject.address, rate, calls, limit: 50_000 });
    const share = (cpu(subject.program.pid) - before) / (10 * (performance.now() - began));
    clearInterval(watch);
    const count = (name: string) => Number(run.statistics[`${name}(C)`] ?? Number.NaN);
    const [answered, refused, completed] = [count("answered"), count("refused"), count("completed")];
    console.log(
      [
        `${factor} × capacity, ${rate} calls/s for ${seconds} s:`,
        `offered ${run.successful + run.failed}, answered ${answered}, refused with 503 ${refused},`,
        `failed otherwise ${run.failed},`,
        `established that completed ${completed} (${((100 * completed) / answered).toFixed(2)} %),`,
        `answered after ${run.statistics["ResponseTime1(C)"]} on average (h:m:s),`,
        `${run.retransmissions} retransmissions, ${(most / 1024).toFixed(0)} MB at most;`,
        `the server got ${share.toFixed(0)} % of its core`,
      ].join(" "),
    );
  } finally {
    await subject.stop();
  }
}
process.exit(0);
