/** STREAM over a real WebSocket, in a call whose audio is a fake: messages both ways, ends, and programs that misbehave. */
import { afterAll, describe, expect, test } from "bun:test";
import { readAgentMessage } from "../../src/call/stream/agent-message.ts";
import { parseStreamUrl } from "../../src/call/stream/target.ts";
import { AudibleCall } from "../support/audible-call.ts";
import { until } from "../support/peers/until.ts";
import { seeded } from "../support/random.ts";

type Socket = Bun.ServerWebSocket<{ authorization: string | null; path: string }>;

/** A program at the other end of streams. */
class Program {
  readonly texts: Record<string, unknown>[] = [];
  readonly sound: Uint8Array[] = [];
  readonly sockets: Socket[] = [];
  closed = 0;
  readonly #server = Bun.serve<{ authorization: string | null; path: string }, never>({
    port: 0,
    hostname: "127.0.0.1",
    fetch: (request, server) => {
      const data = { authorization: request.headers.get("authorization"), path: new URL(request.url).pathname };
      return server.upgrade(request, { data }) ? undefined : new Response("no", { status: 404 });
    },
    websocket: {
      open: (socket) => void this.sockets.push(socket),
      message: (_, message) =>
        void (typeof message === "string" ? this.texts.push(JSON.parse(message)) : this.sound.push(message)),
      close: () => void this.closed++,
    },
  });

  get url(): string {
    return `ws://127.0.0.1:${this.#server.port}/agent`;
  }
  get socket(): Socket {
    const socket = this.sockets.at(-1);
    if (socket === undefined) throw new TypeError("nobody is connected");
    return socket;
  }
  say(message: unknown): void {
    this.socket.send(JSON.stringify(message));
  }
  /** The first message of that event; waits for it. */
  told(event: string): Promise<Record<string, unknown>> {
    return until(event, () => this.texts.find((text) => text.event === event));
  }
  stop(): void {
    void this.#server.stop(true);
  }
}

const programs: Program[] = [];
afterAll(() => {
  for (const program of programs) program.stop();
});
async function streaming(options: { format?: "PCMU" | "L16/24000"; token?: string; data?: string } = {}) {
  const program = new Program();
  programs.push(program);
  const call = new AudibleCall();
  const stream = call.perform({ name: "STREAM", url: program.url, ...options });
  await call.event("STREAMING");
  await program.told("start");
  const tap = call.media.session.taps[0];
  if (tap === undefined) throw new TypeError("nothing is tapped");
  return { program, call, stream, tap, session: call.media.session };
}
const settled = (stream: { outcome: unknown }) => until("outcome", () => stream.outcome);

describe("a stream", () => {
  test("begins with who calls and how the sound is written", async () => {
    const { program, session } = await streaming({ token: "secret", data: "Grüße" });
    expect(program.texts[0]).toEqual({
      event: "start",
      version: 1,
      call: "c1",
      callId: "call-1",
      direction: "incoming",
      remote: { uri: "sip:alice@example.org", name: "Alice", user: "alice" },
      local: { uri: "sip:bob@example.com", user: "bob" },
      format: { encoding: "L16", rate: 16_000, channels: 1, milliseconds: 20 },
      data: "Grüße",
    });
    expect(program.socket.data).toEqual({ authorization: "Bearer secret", path: "/agent" });
    expect(session.take()).toEqual(["tap L16 16000"]);
  });

  test.each([
    ["PCMU", "tap PCMU 8000"],
    ["L16/24000", "tap L16 24000"],
  ] as const)("comes in %s", async (format, tapped) => {
    const { session } = await streaming({ format });
    expect(session.take()).toEqual([tapped]);
  });

  test("carries sound both ways, and keys to the program", async () => {
    const { program, tap, session } = await streaming();
    tap.sound(Uint8Array.of(1, 2, 3, 4));
    session.listener({ type: "dtmf", digit: "5", duration: 120 });
    expect(await program.told("dtmf")).toEqual({ event: "dtmf", digit: "5", duration: 120 });
    expect(program.sound.map((sound) => [...sound])).toEqual([[1, 2, 3, 4]]);
    program.socket.send(Uint8Array.of(5, 6));
    expect(await until("sound", () => session.written[0])).toEqual(Uint8Array.of(5, 6));
  });

  test("plays, then tells of marks; clear forgets what waits", async () => {
    const { program, tap, session } = await streaming();
    session.take();
    program.socket.send(new Uint8Array(640));
    program.say({ event: "mark", name: "said" });
    program.say({ event: "clear" });
    await until("clear", () => session.told.includes("clear"));
    expect(session.take()).toEqual(["mark 1", "clear"]);
    tap.mark?.(1, true);
    expect(await program.told("mark")).toEqual({ event: "mark", name: "said", cleared: true });
  });

  test("presses keys and passes texts for the program", async () => {
    const { program, call, session } = await streaming();
    program.say({ event: "dtmf", digits: "12a" });
    program.say({ event: "tell", text: "transfer\nplease" });
    expect(await call.event("TOLD")).toEqual({ name: "TOLD", text: "transfer\nplease" });
    expect(session.told.at(-1)).toMatch(/^dtmf \d+ 12A$/);
  });

  test("tells the program when sound is lost", async () => {
    const { program, tap } = await streaming();
    tap.overflow?.();
    expect((await program.told("error")).reason).toContain("two minutes");
  });

  test("is one at a time", async () => {
    const { program, call } = await streaming();
    const second = call.perform({ name: "STREAM", url: program.url });
    expect(second.outcome).toMatchObject({ ok: false, failure: { reason: "another STREAM is still running" } });
  });
});

describe("a stream ends", () => {
  test("when the program says stop: after what it sent has been played", async () => {
    const { program, call, stream, tap, session } = await streaming();
    session.take();
    program.socket.send(new Uint8Array(640));
    program.say({ event: "stop" });
    await until("mark", () => session.told.includes("mark 1"));
    expect(stream.outcome).toBeUndefined();
    tap.mark?.(1, false);
    expect(stream.outcome).toEqual({ ok: true });
    expect(call.events.at(-1)).toEqual({ name: "STREAMED", reason: "program", why: "" });
    await until("close", () => program.closed === 1);
    expect(session.told.at(-1)).toBe("close tap");
  });

  test("when the program closes the connection in order", async () => {
    const { program, tap, session, stream } = await streaming();
    program.socket.close(1000);
    await until("mark", () => session.told.includes("mark 1"));
    tap.mark?.(1, false);
    expect(stream.outcome).toEqual({ ok: true });
  });

  test("when the handler says so; the program is told", async () => {
    const { program, call, stream } = await streaming();
    expect(call.perform({ name: "STREAM" }).outcome).toEqual({ ok: true });
    expect(stream.outcome).toEqual({ ok: true });
    expect(call.events.at(-1)).toMatchObject({ name: "STREAMED", reason: "handler" });
    expect(await program.told("stop")).toEqual({ event: "stop", reason: "the call's handler ended the stream" });
  });

  test("with the call; the program is told", async () => {
    const { program, call, stream } = await streaming();
    call.hangUp();
    expect(stream.outcome).toMatchObject({ ok: false, failure: { reason: "the call is over" } });
    expect(await program.told("stop")).toEqual({ event: "stop", reason: "the call has ended" });
    expect(call.names.at(-1)).toBe("ENDED");
  });

  test("when the connection is lost, which the call survives", async () => {
    const { program, call, stream } = await streaming();
    program.socket.terminate();
    expect(await settled(stream)).toMatchObject({ ok: false, failure: { command: "STREAM" } });
    expect(call.events.at(-1)).toMatchObject({ name: "STREAMED", reason: "failed" });
    expect(call.names).not.toContain("ENDED");
    // Another may follow.
    const next = new Program();
    programs.push(next);
    call.perform({ name: "STREAM", url: next.url });
    await next.told("start");
  });

  test("when nobody is there", async () => {
    const call = new AudibleCall();
    const program = new Program();
    const { url } = program;
    program.stop();
    const stream = call.perform({ name: "STREAM", url });
    expect(await settled(stream)).toMatchObject({ ok: false, failure: { reason: "the program cannot be reached" } });
  });

  test("when the other side is no WebSocket", async () => {
    const call = new AudibleCall();
    const server = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: () => new Response("hello") });
    const stream = call.perform({ name: "STREAM", url: `ws://127.0.0.1:${server.port}/` });
    expect(await settled(stream)).toMatchObject({ ok: false });
    await server.stop(true);
  });

  test("when connecting takes too long", async () => {
    const call = new AudibleCall();
    const silent = Bun.listen({ port: 0, hostname: "127.0.0.1", socket: { data() {} } });
    const stream = call.perform({ name: "STREAM", url: `ws://127.0.0.1:${silent.port}/` });
    call.bench.clock.advance(10_000);
    expect(stream.outcome).toMatchObject({
      ok: false,
      failure: { reason: "the program cannot be reached: it takes too long" },
    });
    silent.stop(true);
  });

  test("when the program does not read", async () => {
    const call = new AudibleCall();
    // It shakes hands and then takes nothing more.
    const sockets = new Set<{ end(): unknown }>();
    const deaf = Bun.listen({
      port: 0,
      hostname: "127.0.0.1",
      socket: {
        data(socket, chunk) {
          sockets.add(socket);
          const key = /sec-websocket-key: *(\S+)/i.exec(chunk.toString("latin1"))?.[1] ?? "";
          const accept = new Bun.CryptoHasher("sha1")
            .update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`)
            .digest("base64");
          socket.write(
            `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`,
          );
          socket.pause();
        },
      },
    });
    const stream = call.perform({ name: "STREAM", url: `ws://127.0.0.1:${deaf.port}/` });
    await call.event("STREAMING");
    const tap = call.media.session.taps[0];
    const frame = new Uint8Array(64_000);
    for (let i = 0; i < 2000 && stream.outcome === undefined; i++) tap?.sound(frame);
    expect(stream.outcome).toMatchObject({
      ok: false,
      failure: { reason: "the program does not read what it is sent" },
    });
    for (const socket of sockets) socket.end();
    deaf.stop(true);
  });
});

describe("what a program sends", () => {
  test.each([
    ["{", "a text message is not JSON"],
    ["null", "there are mark, clear, dtmf, tell and stop"],
    ['{"event":"hangup"}', "there are mark, clear, dtmf, tell and stop"],
    ['{"event":"mark"}', "mark needs a name of at most 256 characters"],
    ['{"event":"dtmf","digits":"1x"}', "dtmf needs digits out of 0-9 * # A-D"],
    ['{"event":"tell","text":7}', "tell needs a text of at most 65536 characters"],
  ])("is refused with a reason: %s", (json, wrong) => {
    expect(readAgentMessage(json)).toEqual({ wrong });
  });

  test("is refused when it is too long", () => {
    expect(readAgentMessage(`"${"x".repeat(140_000)}"`)).toEqual({ wrong: "a message is too long" });
  });

  test("is answered with that reason, and the stream goes on", async () => {
    const { program, call } = await streaming();
    program.socket.send("nonsense");
    expect(await program.told("error")).toEqual({ event: "error", reason: "a text message is not JSON" });
    program.say({ event: "tell", text: "still here" });
    await call.event("TOLD");
  });

  test("never ends in anything but a message or a reason", () => {
    const random = seeded(4);
    const pieces = [
      '{"event":',
      '"mark"',
      '"stop"',
      ',"name":',
      '"x"',
      "}",
      "[",
      "1e999",
      '"__proto__":',
      "\\u0000",
      " ",
    ];
    const end = performance.now() + 300;
    for (let i = 0; i < 5000 && performance.now() < end; i++) {
      const json = Array.from({ length: random() * 8 }, () => pieces[Math.floor(random() * pieces.length)]).join("");
      expect(["wrong", "event"].some((key) => Object.hasOwn(readAgentMessage(json), key))).toBe(true);
    }
  });
});

test.each([
  ["wss://agent.example.com/path?x=1", true],
  ["WS://[2001:db8::1]:8080/", true],
  ["audiosocket://127.0.0.1:9092", true],
  ["audiosocket://127.0.0.1:80/", true],
  ["audiosocket://host:9092/40325ec2-5efd-4bd3-805f-53576e581d13", true],
  ["audiosocket://host", false],
  ["audiosocket://host:9092/other", false],
  ["https://agent.example.com/", false],
  ["ws://user:password@host/", false],
  ["ws://host/#part", false],
  ["ws://", false],
  ["ws:// host/", false],
])("%s can be streamed to: %p", (url, good) => {
  expect(parseStreamUrl(url) !== undefined).toBe(good);
});
