/**
 * The phones of `relay.ts`: one socket for all callers, one for all callees, 50 packets a second for each side of each session.
 * Told by lines on stdin, `{name, ports}` and `{run, ms}`, in JSON; answers each `run` with a line of JSON.
 */
import { dlopen, ptr } from "bun:ffi";

const [callerPort = 0, calleePort = 0] = process.argv.slice(2).map(Number);
/** Packets that one `sendMany` carries at most. */
const batch = 64;
/** Sessions that each side sends a packet of, per ms, for each session that there is. */
const perMs = 50 / 1000;

let received = 0;
async function open(port: number): Promise<Bun.udp.Socket<"buffer">> {
  const socket = await Bun.udpSocket({ hostname: "127.0.0.1", port, socket: { data: () => void received++ } });
  const { symbols } = dlopen("libc.so.6", {
    setsockopt: { args: ["i32", "i32", "i32", "ptr", "u32"], returns: "i32" },
  });
  const fd = "fd" in socket && typeof socket.fd === "number" ? socket.fd : -1;
  // SO_RCVBUF: what the relay sends must not be lost here.
  symbols.setsockopt(fd, 1, 8, ptr(Int32Array.of(4 << 20)), 4);
  return socket;
}
const callers = await open(callerPort);
const callees = await open(calleePort);

interface Subject {
  readonly ports: readonly (readonly [a: number, b: number])[];
  readonly packets: readonly Uint8Array[];
  next: number;
  sequence: number;
}
const subjects = new Map<string, Subject>();

function add(name: string, ports: Subject["ports"]): void {
  const packets = ports.map((_, index) => {
    const packet = new Uint8Array(172).fill(0xff);
    packet.set([0x80, 0, 0, 0, 0, 0, 0, 0, 1, index >> 16, index >> 8, index]);
    return packet;
  });
  subjects.set(name, { ports, packets, next: 0, sequence: 1 });
}

/** One packet of the next session in turn from each side. */
function speak(subject: Subject, toA: (Uint8Array | number | string)[], toB: (Uint8Array | number | string)[]): void {
  const packet = subject.packets[subject.next];
  const [a, b] = subject.ports[subject.next] ?? [0, 0];
  if (packet === undefined) return;
  const { sequence } = subject;
  new DataView(packet.buffer).setUint16(2, sequence & 0xffff);
  new DataView(packet.buffer).setUint32(4, sequence * 160);
  toA.push(packet, a, "127.0.0.1");
  toB.push(packet, b, "127.0.0.1");
  subject.next = (subject.next + 1) % subject.ports.length;
  if (subject.next === 0) subject.sequence++;
}

async function run(subject: Subject, ms: number): Promise<{ sent: number; received: number; ms: number }> {
  received = 0;
  let sent = 0;
  let spoken = 0;
  const began = performance.now();
  for (let now = began; now - began < ms; now = performance.now()) {
    const due = Math.min(Math.floor((now - began) * perMs * subject.ports.length) - spoken, batch);
    if (due <= 0) {
      await Bun.sleep(0.5);
      continue;
    }
    const toA: (Uint8Array | number | string)[] = [];
    const toB: (Uint8Array | number | string)[] = [];
    for (let i = 0; i < due; i++) speak(subject, toA, toB);
    spoken += due;
    sent += callers.sendMany(toA) + callees.sendMany(toB);
    await new Promise((resolve) => setImmediate(resolve));
  }
  const elapsed = performance.now() - began;
  // What is still on its way: until all is there, or nothing has come for a while.
  for (let quiet = 0, before = -1; quiet < 10 && received < sent; before = received) {
    await Bun.sleep(50);
    quiet = received === before ? quiet + 1 : 0;
  }
  return { sent, received, ms: elapsed };
}

console.log("ready");
for await (const line of console) {
  const told: unknown = JSON.parse(line);
  if (typeof told !== "object" || told === null) continue;
  if ("name" in told && "ports" in told && Array.isArray(told.ports)) add(String(told.name), told.ports);
  else if ("run" in told && "ms" in told) {
    const subject = subjects.get(String(told.run));
    if (subject !== undefined) console.log(JSON.stringify(await run(subject, Number(told.ms))));
  }
}
process.exit(0);
