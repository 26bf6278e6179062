/** STREAM in Asterisk's AudioSocket protocol: its frames as octets, and a stream with a program that speaks it. */
import { afterAll, describe, expect, test } from "bun:test";
import { createServer, type Server, type Socket } from "node:net";
import { AudioSocketReader, audioSocketFrame, audioSocketType } from "../../src/call/stream/audiosocket-frames.ts";
import { AudibleCall } from "../support/audible-call.ts";
import { until } from "../support/peers/until.ts";
import { seeded } from "../support/random.ts";

describe("frames", () => {
  test.each([
    ["the end", 0x00, "", "000000"],
    ["an id", 0x01, "40325ec25efd4bd3805f53576e581d13", "01001040325ec25efd4bd3805f53576e581d13"],
    ["a key", 0x03, "35", "03000135"],
    ["sound", 0x10, "0102030405060708", "1000080102030405060708"],
  ])("%s is written and read", (_, type, payload, octets) => {
    const frame = audioSocketFrame(type, Buffer.from(payload, "hex"));
    expect(Buffer.from(frame).toString("hex")).toBe(octets);
    const [read] = new AudioSocketReader().push(frame);
    expect([read?.type, Buffer.from(read?.payload ?? []).toString("hex")]).toEqual([type, payload]);
  });

  test.each([1, 2, 3])("are found however the octets are parted (seed %d)", (seed) => {
    const random = seeded(seed);
    const frames = Array.from({ length: 50 }, () => ({
      type: Math.floor(random() * 256),
      length: Math.floor(random() ** 8 * 65_536),
    }));
    const octets = Buffer.concat(
      frames.map(({ type, length }) => audioSocketFrame(type, new Uint8Array(length).fill(type))),
    );
    const reader = new AudioSocketReader();
    const read: { type: number; length: number }[] = [];
    for (let at = 0; at < octets.length; ) {
      const next = at + 1 + Math.floor(random() * 3000);
      for (const { type, payload } of reader.push(octets.subarray(at, next))) {
        expect(payload.every((octet) => octet === type)).toBe(true);
        read.push({ type, length: payload.length });
      }
      at = next;
    }
    expect(read).toEqual(frames);
  });
});

/** A program that speaks AudioSocket. */
class Program {
  readonly frames: { type: number; payload: Uint8Array }[] = [];
  readonly sockets: Socket[] = [];
  ended = 0;
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
    server.on("connection", (socket) => {
      const reader = new AudioSocketReader();
      this.sockets.push(socket);
      socket.on("data", (octets: Buffer) => {
        for (const { type, payload } of reader.push(octets)) this.frames.push({ type, payload: payload.slice() });
      });
      socket.on("end", () => void this.ended++);
      socket.on("error", () => {});
    });
  }

  static async start(): Promise<Program> {
    const server = createServer({ allowHalfOpen: true });
    await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve));
    return new Program(server);
  }
  get url(): string {
    const address = this.#server.address();
    return `audiosocket://127.0.0.1:${typeof address === "object" ? address?.port : 0}`;
  }
  say(type: number, payload: Uint8Array = new Uint8Array(0)): void {
    this.sockets.at(-1)?.write(audioSocketFrame(type, payload));
  }
  got(type: number) {
    return until(`frame ${type}`, () => this.frames.find((frame) => frame.type === type));
  }
  stop(): void {
    for (const socket of this.sockets) socket.destroy();
    this.#server.close();
  }
}

const programs: Program[] = [];
afterAll(() => {
  for (const program of programs) program.stop();
});
async function streaming(path = "", format?: "L16/16000" | "PCMU") {
  const program = await Program.start();
  programs.push(program);
  const call = new AudibleCall();
  const stream = call.perform({ name: "STREAM", url: program.url + path, ...(format && { format }) });
  const tap = async () => {
    await call.event("STREAMING");
    return call.media.session.taps[0];
  };
  return { program, call, stream, tap, session: call.media.session };
}

describe("a stream", () => {
  test("begins with the id of its URL", async () => {
    const { program } = await streaming("/40325ec2-5efd-4bd3-805f-53576e581d13");
    const { payload } = await program.got(audioSocketType.uuid);
    expect(Buffer.from(payload).toString("hex")).toBe("40325ec25efd4bd3805f53576e581d13");
  });

  test("carries sound both ways at 8 kHz, and keys to the program", async () => {
    const { program, tap, session } = await streaming();
    const opened = await tap();
    expect(session.take()).toEqual(["tap L16 8000"]);
    opened?.sound(Uint8Array.of(1, 2));
    session.listener({ type: "dtmf", digit: "#", duration: 100 });
    expect([...(await program.got(0x10)).payload]).toEqual([1, 2]);
    expect([...(await program.got(audioSocketType.dtmf)).payload]).toEqual([0x23]);
    program.say(0x10, Uint8Array.of(3, 4));
    expect(await until("sound", () => session.written[0])).toEqual(Uint8Array.of(3, 4));
  });

  test("carries sound at 16 kHz, too", async () => {
    const { program, tap } = await streaming("", "L16/16000");
    (await tap())?.sound(Uint8Array.of(1, 2));
    await program.got(0x12);
  });

  test("carries no G.711", async () => {
    const { stream } = await streaming("", "PCMU");
    expect(stream.outcome).toMatchObject({ ok: false, failure: { reason: "AudioSocket carries L16 only" } });
  });

  test.each([
    ["says so", (program: Program) => program.say(audioSocketType.terminate)],
    ["closes", (program: Program) => program.sockets[0]?.end()],
  ])("ends when the program %s, after what it sent has been played", async (_, leave) => {
    const { program, tap, stream, session } = await streaming();
    const opened = await tap();
    program.say(0x10, new Uint8Array(320));
    leave(program);
    await until("mark", () => session.told.includes("mark 1"));
    opened?.mark?.(1, false);
    expect(stream.outcome).toEqual({ ok: true });
  });

  test.each([
    ["an error", 0xff, "the program reports error 2"],
    ["sound at another rate", 0x13, "the program sends sound at another rate than 8000 Hz"],
  ])("fails on %s", async (_, type, reason) => {
    const { program, stream, tap } = await streaming();
    await tap();
    program.say(type, Uint8Array.of(2, 0));
    expect(await until("outcome", () => stream.outcome)).toMatchObject({ ok: false, failure: { reason } });
  });

  test("fails when nobody is there", async () => {
    const program = await Program.start();
    const { url } = program;
    program.stop();
    const stream = new AudibleCall().perform({ name: "STREAM", url });
    expect(await until("outcome", () => stream.outcome)).toMatchObject({ ok: false });
  });

  test("tells the program of its end", async () => {
    const { program, tap, call } = await streaming();
    await tap();
    call.hangUp();
    await program.got(audioSocketType.terminate);
    await until("end", () => program.ended === 1);
  });

  test("reads no further than some seconds ahead of what is heard", async () => {
    const { program, tap, session } = await streaming();
    const opened = await tap();
    const second = audioSocketFrame(0x10, new Uint8Array(16_000));
    const socket = program.sockets[0];
    // Five minutes at once: far more than the sockets' own buffers hold.
    let flushed = false;
    for (let i = 0; i < 300; i++) socket?.write(second, i === 299 ? () => (flushed = true) : undefined);
    const written = () => session.written.reduce((sum, { length }) => sum + length, 0);
    await until("some seconds", () => written() >= 64_000);
    const marks = () => session.told.filter((line) => line.startsWith("mark ")).length;
    let confirmed = 0;
    let most = 0;
    while (!flushed || written() < 300 * 16_000) {
      most = Math.max(most, written() - confirmed * 16_000);
      if (confirmed < marks()) opened?.mark?.(++confirmed, false);
      await new Promise<void>((resolve) => setImmediate(resolve));
    }
    // Some seconds, and one reading from the socket.
    expect(most).toBeLessThan(64_000 + 16_000 + 1_000_000);
  });
});
