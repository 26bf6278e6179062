/**
 * What a relayed packet costs, beside Debian's rtpengine-daemon in user space: both relay the same 400 calls in turns, so that
 * what else the machine does hits both. Packets that are lost anywhere count as lost.
 */
import { temporaryFolder } from "../support/peers/folder.ts";
import { cpu, loadCore, type Row, serverCore } from "./load.ts";

const sessions = 400; // 40,000 packets/s
const rounds = 5;
const roundMs = 2000;
const callerPort = 17_000;
const calleePort = 17_002;

interface Subject {
  readonly name: string;
  readonly process: Bun.Subprocess;
  /** CPU time per packet of each round, µs. */
  readonly costs: number[];
  readonly rates: number[];
  sent: number;
  received: number;
}

export async function* relayBench(): AsyncIterable<Row> {
  const subjects: Subject[] = [];
  const load = Bun.spawn(
    [
      ...loadCore,
      process.execPath,
      new URL("./relay-load.ts", import.meta.url).pathname,
      `${callerPort}`,
      `${calleePort}`,
    ],
    { stdin: "pipe", stdout: "pipe", stderr: "inherit" },
  );
  const answers = linesOf(load.stdout);
  const tell = (what: unknown) => {
    load.stdin.write(`${JSON.stringify(what)}\n`);
    load.stdin.flush();
  };
  const add = (name: string, process: Bun.Subprocess, ports: unknown) => {
    subjects.push({ name, process, costs: [], rates: [], sent: 0, received: 0 });
    tell({ name, ports });
  };
  try {
    await answers.next();
    for (const [name, kind, range] of [
      ["siproc", "libc", [24_000, 26_999]],
      ["siproc, sockets of Bun", "bun", [27_000, 29_999]],
    ] as const) {
      const process = own(kind, range);
      add(name, process, JSON.parse((await linesOf(process.stdout).next()).value ?? "[]"));
    }
    if (Bun.which("rtpengine") !== null) {
      const process = rtpengine();
      add("rtpengine", process, await rtpengineCalls());
    }
    for (let round = -1; round < rounds; round++)
      for (const subject of subjects) {
        const before = cpu(subject.process.pid);
        tell({ run: subject.name, ms: roundMs });
        const result: { sent: number; received: number; ms: number } = JSON.parse((await answers.next()).value ?? "{}");
        // The first round is to find the peers, and for the compiler.
        if (round < 0) continue;
        subject.costs.push((cpu(subject.process.pid) - before) / result.received);
        subject.rates.push((result.sent * 1000) / result.ms);
        subject.sent += result.sent;
        subject.received += result.received;
      }
  } finally {
    for (const { process } of subjects) process.kill();
    load.kill();
  }
  const other = subjects.find(({ name }) => name === "rtpengine");
  for (const subject of subjects) {
    const { name, costs, rates, sent, received } = subject;
    const own = subject !== other;
    yield {
      bench: "relay",
      subject: name,
      result: `${median(costs).toFixed(1)} µs CPU a packet at ${Math.round(median(rates))} packets/s, ${sent - received} of ${sent} lost`,
      ...(own ? { against: other === undefined ? "no rtpengine here" : against(costs, other.costs) } : {}),
    };
  }
}

function against(costs: readonly number[], others: readonly number[]): string {
  const ratio = median(costs.map((cost, round) => cost / (others[round] ?? Number.NaN)));
  return `${ratio.toFixed(2)} × rtpengine (wanted: 1.00)`;
}

function median(values: readonly number[]): number {
  return values.toSorted((one, other) => one - other)[Math.floor(values.length / 2)] ?? Number.NaN;
}

async function* linesOf(stream: ReadableStream<Uint8Array>): AsyncGenerator<string, undefined> {
  let text = "";
  for await (const chunk of stream) {
    const lines = (text + Buffer.from(chunk).toString()).split("\n");
    text = lines.pop() ?? "";
    yield* lines;
  }
}

function own(kind: "libc" | "bun", [first, last]: readonly [number, number]) {
  const program = new URL("./relay-subject.ts", import.meta.url).pathname;
  const values = [sessions, callerPort, calleePort, first, last, kind].map(String);
  return Bun.spawn([...serverCore, process.execPath, program, ...values], { stdout: "pipe", stderr: "inherit" });
}

const ngPort = 22_222;

function rtpengine(): Bun.Subprocess {
  return Bun.spawn(
    [
      ...serverCore,
      ...[
        "rtpengine",
        "--config-file=none",
        "--table=-1",
        "--foreground",
        "--log-stderr",
        "--log-level=3",
        "--interface=127.0.0.1",
      ],
      ...[`--listen-ng=127.0.0.1:${ngPort}`, "--port-min=30000", "--port-max=33999", "--num-threads=1"],
      `--pidfile=${temporaryFolder("rtpengine")}/pid`,
    ],
    { stdout: "ignore", stderr: "ignore" },
  );
}

type Bencoded = string | readonly string[] | { readonly [key: string]: Bencoded };

/** Bencoding, as far as rtpengine's ng protocol needs it here; keys in order. */
function bencode(value: Bencoded): string {
  if (typeof value === "string") return `${value.length}:${value}`;
  if (Array.isArray(value)) return `l${value.map(bencode).join("")}e`;
  const entries = Object.entries(value).toSorted(([one], [other]) => (one < other ? -1 : 1));
  return `d${entries.map(([key, each]) => bencode(key) + bencode(each)).join("")}e`;
}

const sdp = (port: number) =>
  `v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio ${port} RTP/AVP 0\r\n`;

/** Makes the calls; answers their ports. */
async function rtpengineCalls(): Promise<[number, number][]> {
  let heard = (_answer: string) => {};
  const socket = await Bun.udpSocket({
    hostname: "127.0.0.1",
    port: 0,
    socket: { data: (_socket, datagram) => heard(datagram.toString("latin1")), error: () => {} },
  });
  const ask = async (command: Bencoded) => {
    const cookie = `${Math.random()}`;
    const { promise, resolve } = Promise.withResolvers<string>();
    heard = (answer) => {
      if (answer.startsWith(`${cookie} `)) resolve(answer);
    };
    // It may not be there yet.
    const again = setInterval(() => void socket.send(`${cookie} ${bencode(command)}`, ngPort, "127.0.0.1"), 100);
    socket.send(`${cookie} ${bencode(command)}`, ngPort, "127.0.0.1");
    const answer = await promise;
    clearInterval(again);
    return Number(/m=audio (\d+)/.exec(answer)?.[1] ?? 0);
  };
  const ports: [number, number][] = [];
  for (let call = 0; call < sessions; call++) {
    const names = { "call-id": `call-${call}`, "from-tag": "a", ICE: "remove" };
    const b = await ask({ command: "offer", sdp: sdp(callerPort), ...names });
    const a = await ask({ command: "answer", "to-tag": "b", sdp: sdp(calleePort), ...names });
    ports.push([a, b]);
  }
  socket.close();
  return ports;
}
