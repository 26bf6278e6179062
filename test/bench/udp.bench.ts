/**
 * What a SIP packet costs this process: OPTIONS over UDP received, parsed, answered and sent, with the load made by a
 * second process. Prints; asserts nothing. `bun test/bench/udp.bench.ts [seconds]`
 */
import { Capture } from "../../src/control/capture/store.ts";
import { createLog } from "../../src/log.ts";
import { buildResponse } from "../../src/sip/message.ts";
import { SystemClock, TransportLayer } from "../../src/transport/index.ts";

/** Requests that the load keeps under way. */
const window = 200;

const request = Buffer.from(
  [
    "OPTIONS sip:bench@127.0.0.1 SIP/2.0",
    "Via: SIP/2.0/UDP 127.0.0.1:5099;branch=z9hG4bK776asdhds;rport",
    "Max-Forwards: 70",
    'From: "Alice" <sip:alice@example.com>;tag=1928301774',
    "To: <sip:bench@example.com>",
    "Call-ID: a84b4c76e66710@pc33.example.com",
    "CSeq: 63104 OPTIONS",
    "Contact: <sip:alice@127.0.0.1:5099>",
    "Accept: application/sdp",
    "User-Agent: bench",
    "Content-Length: 0",
    "",
    "",
  ].join("\r\n"),
  "latin1",
);

async function serve(seconds: number): Promise<void> {
  for (const mode of ["echo", "answer", "answer, captured"] as const) {
    let packets = 0;
    const layer = await TransportLayer.open({
      listen: [{ transport: "udp", host: "127.0.0.1", port: 0 }],
      clock: new SystemClock(),
      log: createLog({ level: "warn", format: "pretty" }),
      events: {
        message: (message, flow) => {
          packets++;
          if (message.type !== "request") return;
          flow.send(mode === "echo" ? message.bytes() : buildResponse(message, 200, { toTag: "b" }).bytes());
        },
        failure: () => {},
        closed: () => {},
      },
    });
    const port = layer.listening[0]?.local.port ?? 0;
    if (mode === "answer, captured") {
      const capture: Capture = new Capture({ size: 16 << 20, watch: () => {} });
      layer.tap = capture;
    }
    const load = Bun.spawn([process.execPath, import.meta.path, "load", String(port)], { stdout: "inherit" });
    await Bun.sleep(500); // Start-up and JIT.
    const [start, cpu, before] = [performance.now(), process.cpuUsage(), packets];
    await Bun.sleep(seconds * 1000);
    const used = process.cpuUsage(cpu);
    const count = packets - before;
    const rate = count / ((performance.now() - start) / 1000);
    const each = (used.user + used.system) / count;
    const what = mode === "echo" ? "parse, send the same back" : mode.replace("answer", "parse, build 200, send");
    console.log(`udp ${what}: ${Math.round(rate)} packets/s, ${each.toFixed(2)} µs CPU each`);
    load.kill();
    await load.exited;
    await layer.close();
  }
}

async function load(port: number): Promise<void> {
  let waiting = 0;
  const socket = await Bun.udpSocket({ hostname: "127.0.0.1", port: 0, socket: { data: () => void waiting-- } });
  setInterval(() => {
    waiting = 0; // Lost packets do not end the load.
  }, 200);
  const turn = () => {
    for (; waiting < window; waiting++) if (!socket.send(request, port, "127.0.0.1")) break;
    setImmediate(turn);
  };
  turn();
}

if (process.argv[2] === "load") await load(Number(process.argv[3]));
else await serve(Number(process.argv[2] ?? 2));
