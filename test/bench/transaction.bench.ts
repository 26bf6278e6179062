/**
 * What a call costs in the transaction layer, parsing aside: INVITE, 180, 200, ACK, BYE, 200 at the server, at 1,000 calls
 * a second of virtual time, so that the timers of 32,000 former calls run and end meanwhile.
 * Run it with `bun test/bench/transaction.bench.ts`.
 */
import { Dialog } from "../../src/sip/dialog.ts";
import type { Flow } from "../../src/sip/flow.ts";
import { buildResponse, parseMessage, Request } from "../../src/sip/message.ts";
import { secureRandom } from "../../src/sip/random.ts";
import { TransactionLayer } from "../../src/sip/transaction/index.ts";
import { SystemClock } from "../../src/transport/system-clock.ts";

const batch = 2000;
const batches = 60;
/** Calls before the clock of the benchmark starts: the layer is as full then as it gets. */
const warmUp = 34;

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

let octets = 0;
const flow: Flow = {
  transport: "udp",
  reliable: false,
  local: { host: "192.0.2.1", port: 5060 },
  remote: { host: "192.0.2.9", port: 5060 },
  id: "bench",
  send: (bytes) => {
    octets += bytes.length;
  },
};

const sdp = Buffer.from(
  "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\nm=audio 10000 RTP/AVP 0 8\r\n",
);

function message(method: string, call: number, sequence: number, toTag: string): Request {
  const parsed = parseMessage(
    Buffer.from(
      [
        `${method} sip:service@192.0.2.1:5060 SIP/2.0`,
        `Via: SIP/2.0/UDP 192.0.2.9:5060;branch=z9hG4bK-31337-${call}-${method === "BYE" ? 7 : method === "ACK" ? 5 : 0}`,
        `From: sipp <sip:sipp@192.0.2.9:5060>;tag=31337SIPpTag00${call}`,
        `To: service <sip:service@192.0.2.1:5060>${toTag}`,
        `Call-ID: ${call}-31337@192.0.2.9`,
        `CSeq: ${sequence} ${method}`,
        "Contact: sip:sipp@192.0.2.9:5060",
        "Max-Forwards: 70",
        "Content-Length: 0",
        "",
        "",
      ].join("\r\n"),
    ),
    "datagram",
  );
  if (parsed instanceof Request) return parsed;
  throw new TypeError("the benchmark's own message does not parse");
}

/** What the user does for each call: nothing but pass ready responses, build them, or keep a dialog too. */
type Work = "ready responses" | "responses built" | "responses built, dialog kept";

function run(work: Work): void {
  const dialogs = new Map<string, Dialog>();
  const source = flow.remote;
  const withDialog = work === "responses built, dialog kept";
  const sample = message("INVITE", 0, 1, "");
  const ready = [180, 200].map((status) => buildResponse(sample, status, { toTag: "b1", source }));
  const ok = buildResponse(sample, 200, { source });
  let acknowledged = 0;
  const layer = new TransactionLayer({
    clock,
    random: secureRandom,
    user: {
      request(server, request) {
        if (work === "ready responses") {
          if (request.method === "BYE") server.respond(ok);
          else for (const response of ready) server.respond(response);
          return;
        }
        if (request.method === "BYE") {
          if (withDialog) {
            dialogs.get(request.callId)?.receive(request);
            dialogs.delete(request.callId);
          }
          server.respond(buildResponse(request, 200, { source }));
          return;
        }
        if (withDialog) {
          const dialog = Dialog.fromRequest(request, { localTag: "b1", tls: false });
          if (dialog instanceof Dialog) dialogs.set(dialog.callId, dialog);
        }
        server.respond(buildResponse(request, 180, { toTag: "b1", source }));
        server.respond(
          buildResponse(request, 200, {
            toTag: "b1",
            source,
            headers: [
              ["Contact", "<sip:service@192.0.2.1:5060>"],
              ["Content-Type", "application/sdp"],
            ],
            body: sdp,
          }),
        );
      },
      ack: () => void acknowledged++,
      cancel() {},
      strayResponse() {},
    },
  });
  const times: number[] = [];
  let call = 0;
  for (let round = 0; round < batches; round++) {
    const messages: Request[] = [];
    for (let n = 0; n < batch; n++, call++) {
      messages.push(
        message("INVITE", call, 1, ""),
        message("ACK", call, 1, ";tag=b1"),
        message("BYE", call, 2, ";tag=b1"),
      );
    }
    const start = process.cpuUsage();
    for (const [at, each] of messages.entries()) {
      layer.receive(each, flow);
      if (at % 3 !== 2) continue;
      now += 1;
      if (alarm !== undefined && alarm.at <= now) alarm.fire();
    }
    const { user, system } = process.cpuUsage(start);
    if (round >= warmUp) times.push((user + system) / batch);
  }
  times.sort((a, b) => a - b);
  const [best = 0, median = 0] = [times[0], times[times.length >> 1]];
  console.log(
    `${work}: ${median.toFixed(1)} µs of CPU per call in the median batch, ${best.toFixed(1)} in the best (${layer.size} transactions open)`,
  );
  if (acknowledged !== batch * batches) throw new RangeError("ACKs are missing");
  now += 100_000;
  if (alarm !== undefined) alarm.fire();
}

for (let round = 0; round < 2; round++) {
  run("ready responses");
  run("responses built");
  run("responses built, dialog kept");
}
if (octets === 0) throw new RangeError("nothing was sent");
