/** Calls between a real session, in virtual time, and audio that is a fake: commands, events, and their order. */
import { describe, expect, test } from "bun:test";
import { Call, type CallEvent, type Command, type Outcome } from "../../src/call/index.ts";
import { createLog } from "../../src/log.ts";
import { AgentBench, fromAlice, offer } from "../support/agent.ts";
import { FakeMedia } from "../support/fake-media.ts";

class CallBench {
  readonly bench = new AgentBench();
  readonly media = new FakeMedia();
  readonly events: CallEvent[] = [];
  readonly call: Call;

  constructor(parts: { body?: string } = { body: offer }, lookup?: (host: string) => Promise<string>) {
    let made: Call | undefined;
    this.bench.adopt = (session) => {
      made = new Call(
        session,
        {
          id: "c1",
          direction: "incoming",
          callId: "call-1",
          remoteUri: "sip:alice@example.org",
          remoteId: "Alice <sip:alice@example.org>",
          remoteContact: "sip:alice@192.0.2.9",
          localUri: "sip:bob@example.com",
          remoteName: "Alice",
          remoteUser: "alice",
          remoteHost: "example.org",
          localUser: "bob",
          localHost: "example.com",
          headers: [],
        },
        {
          media: this.media,
          ...(lookup === undefined ? {} : { lookup }),
          clock: this.bench.clock,
          log: createLog({ level: "error", format: "json", write: () => {} }),
        },
      );
      // The bench's own user type notes; a call does more.
      return made as unknown as ReturnType<AgentBench["adopt"]>;
    };
    this.bench.receive(fromAlice({ method: "INVITE", sequence: 1, ...parts }));
    if (made === undefined) throw new TypeError("no call was made");
    this.call = made;
    this.call.listen((event) => this.events.push(event));
  }

  /** Performs a command; the result tells its outcome once there is one. */
  perform(command: Command): { outcome: Outcome | undefined } {
    const result: { outcome: Outcome | undefined } = { outcome: undefined };
    this.call.perform(command, (outcome) => {
      if (result.outcome !== undefined) throw new TypeError("a command settled twice");
      result.outcome = outcome;
    });
    return result;
  }

  connect(): this {
    this.perform({ name: "ANSWER" });
    const tag = this.bench.sent().at(-1)?.to.tag;
    this.bench.receive(fromAlice({ method: "ACK", sequence: 1, toTag: tag }));
    this.take();
    this.media.session.take();
    return this;
  }

  hangUp(): void {
    const tag = this.call.session.localTag;
    this.bench.receive(fromAlice({ method: "BYE", sequence: 9, toTag: tag }));
  }

  /** Events since the last call, as a line each. */
  take(): string[] {
    return this.events.splice(0).map(({ name, ...args }) => [name, ...Object.values(args)].join(" "));
  }
}

const ok = { ok: true } as const;

describe("answering", () => {
  test("settles with CONNECTED, when the ACK is here", () => {
    const bench = new CallBench();
    const answer = bench.perform({ name: "ANSWER" });
    expect(answer.outcome).toBeUndefined();
    const tag = bench.bench.sentOne().to.tag;
    bench.bench.receive(fromAlice({ method: "ACK", sequence: 1, toTag: tag }));
    expect(answer.outcome).toEqual(ok);
    expect(bench.take()).toEqual(["CONNECTED"]);
  });

  test("lets what needs audio wait for the ACK", () => {
    const bench = new CallBench();
    bench.perform({ name: "ANSWER" });
    bench.perform({ name: "PLAY", file: "/a.wav" });
    expect(bench.media.session.take()).toEqual(["configure PCMU"]);
    bench.bench.receive(fromAlice({ method: "ACK", sequence: 1, toTag: bench.bench.sentOne().to.tag }));
    expect(bench.media.session.take()).toEqual(["play 1 /a.wav"]);
  });

  test.each<Command>([
    { name: "PLAY", file: "/a.wav" },
    { name: "DTMF", digits: "1" },
    { name: "RECORD", file: "/r.wav" },
    { name: "MUTE" },
    { name: "ECHO" },
  ])("comes before %p", (command) => {
    expect(new CallBench().perform(command).outcome).toEqual({
      ok: false,
      failure: {
        command: command.name,
        reason: "the call has no audio yet: ANSWER it first, or open it early with EARLY",
      },
    });
  });

  test("early opens the audio without an answer", () => {
    const bench = new CallBench();
    expect(bench.perform({ name: "EARLY" }).outcome).toEqual(ok);
    bench.perform({ name: "PLAY", file: "/a.wav" });
    expect(bench.media.session.take()).toEqual(["configure PCMU", "play 1 /a.wav"]);
  });
});

describe("audio", () => {
  test("plays settle one by one, each with its STOPPED", () => {
    const bench = new CallBench().connect();
    const [first, second] = ["/a.wav", "/b.wav"].map((file) => bench.perform({ name: "PLAY", file }));
    expect(bench.media.session.take()).toEqual(["play 1 /a.wav", "play 2 /b.wav"]);
    expect(bench.perform({ name: "STOP" }).outcome).toEqual(ok);
    bench.media.session.listener({ type: "played", id: 2, file: "/b.wav", reason: "stopped" });
    expect([first?.outcome, second?.outcome]).toEqual([undefined, ok]);
    expect(bench.take()).toEqual(["STOPPED /b.wav"]);
  });

  test("a file that cannot be played fails its PLAY and nothing else", () => {
    const bench = new CallBench().connect();
    const play = bench.perform({ name: "PLAY", file: "/a.wav" });
    bench.media.session.listener({ type: "error", command: "PLAY", id: 1, reason: "it is no WAV file" });
    expect(play.outcome).toEqual({ ok: false, failure: { command: "PLAY", reason: "it is no WAV file" } });
    expect(bench.take()).toEqual([]);
  });

  test("a recording that fails later is an ERROR", () => {
    const bench = new CallBench().connect();
    const record = bench.perform({ name: "RECORD", file: "/r.wav" });
    bench.media.session.listener({ type: "recording", file: "/r.wav" });
    expect(record.outcome).toEqual(ok);
    bench.media.session.listener({
      type: "error",
      command: "RECORD",
      file: "/r.wav",
      reason: "no space left on device",
    });
    expect(bench.take()).toEqual(["ERROR RECORD no space left on device"]);
  });

  test("stopping a recording settles when its file is complete", () => {
    const bench = new CallBench().connect();
    bench.perform({ name: "RECORD", file: "/r.wav" });
    bench.media.session.listener({ type: "recording", file: "/r.wav" });
    const stop = bench.perform({ name: "RECORD" });
    expect(stop.outcome).toBeUndefined();
    bench.media.session.listener({ type: "recorded", file: "/r.wav", milliseconds: 1000 });
    expect(stop.outcome).toEqual(ok);
    expect(bench.take()).toEqual(["RECORDED /r.wav"]);
  });

  test("a recording has a channel for each side once STEREO was said", () => {
    const bench = new CallBench().connect();
    bench.perform({ name: "RECORD", file: "/a.wav" });
    expect(bench.perform({ name: "STEREO" }).outcome).toEqual(ok);
    bench.perform({ name: "RECORD", file: "/b.wav" });
    expect(bench.media.session.take()).toEqual(["record /a.wav mono", "record /b.wav stereo"]);
  });

  test("stopping where nothing records is done at once", () => {
    const bench = new CallBench().connect();
    expect(bench.perform({ name: "RECORD" }).outcome).toEqual(ok);
  });
});

test("a reason phrase of any script goes out as UTF-8 (RFC 3261 §25.1)", () => {
  const bench = new CallBench();
  bench.perform({ name: "REJECT", code: 486, reason: "später, 後で" });
  const [refusal] = bench.bench.sent().filter((message) => message.type === "response" && message.status === 486);
  expect(Buffer.from(refusal?.bytes() ?? []).toString("utf8")).toStartWith("SIP/2.0 486 später, 後で\r\n");
});

test("a call whose audio is lost ends", () => {
  const bench = new CallBench().connect();
  const stats = {
    sentPackets: 0,
    sentOctets: 0,
    receivedPackets: 0,
    receivedOctets: 0,
    lost: 0,
    jitter: 0,
    roundTrip: undefined,
    remoteLost: undefined,
    remoteJitter: undefined,
    dropped: 0,
  };
  bench.media.session.listener({ type: "closed", stats, error: "the media worker failed" });
  expect(bench.bench.sentOne()).toMatchObject({ method: "BYE" });
  expect(bench.take()).toEqual(["ENDED system error 500"]);
});

describe("gathering", () => {
  const press = (bench: CallBench, digits: string) => {
    for (const digit of digits) bench.media.session.listener({ type: "dtmf", digit, duration: 100 });
  };

  test.each([
    ["by count", { max: 2 }, "12", { digits: "12", reason: "count" }],
    ["by its terminator", {}, "123#", { digits: "123", reason: "terminator" }],
    ["by another terminator", { terminator: "*" }, "1#2*", { digits: "1#2", reason: "terminator" }],
    ["without a terminator", { terminator: "none", max: 3 }, "1#2", { digits: "1#2", reason: "count" }],
  ] as const)("ends %s", (_, options, digits, gathered) => {
    const bench = new CallBench().connect();
    const gather = bench.perform({ name: "GATHER", ...options });
    press(bench, digits);
    expect(gather.outcome).toEqual({ ok: true, value: gathered });
    expect(bench.take().at(-1)).toBe(`GATHERED ${gathered.digits} ${gathered.reason}`);
  });

  test.each([
    ["the first key", "", 5000],
    ["a further key", "1", 2000],
  ])("ends when %s takes too long", (_, digits, wait) => {
    const bench = new CallBench().connect();
    const gather = bench.perform({ name: "GATHER", timeout: 5000, interdigit: 2000 });
    press(bench, digits);
    bench.bench.clock.advance(wait - 1);
    expect(gather.outcome).toBeUndefined();
    bench.bench.clock.advance(1);
    expect(gather.outcome).toEqual({ ok: true, value: { digits, reason: "timeout" } });
  });

  test("counts keys that were pressed before, and leaves what it does not need to the next", () => {
    const bench = new CallBench().connect();
    press(bench, "12345");
    expect(bench.perform({ name: "GATHER", max: 3 }).outcome).toMatchObject({ value: { digits: "123" } });
    expect(bench.perform({ name: "GATHER", max: 2 }).outcome).toMatchObject({ value: { digits: "45" } });
  });

  test("one at a time", () => {
    const bench = new CallBench().connect();
    bench.perform({ name: "GATHER" });
    expect(bench.perform({ name: "GATHER" }).outcome).toMatchObject({ ok: false });
  });
});

describe("the end", () => {
  test("fails what is unfinished, closes the audio, and ENDED comes last", () => {
    const bench = new CallBench().connect();
    const play = bench.perform({ name: "PLAY", file: "/a.wav" });
    const gather = bench.perform({ name: "GATHER" });
    bench.hangUp();
    const failure = { ok: false, failure: { reason: "the call is over" } };
    expect(play.outcome).toMatchObject(failure);
    expect(gather.outcome).toMatchObject(failure);
    expect(bench.media.session.take().at(-1)).toBe("close");
    bench.media.session.listener({ type: "dtmf", digit: "1", duration: 100 });
    expect(bench.take()).toEqual(["ENDED remote hangup 200"]);
    expect(bench.perform({ name: "PLAY", file: "/a.wav" }).outcome).toMatchObject(failure);
  });

  test("by HANGUP settles it as done", () => {
    const bench = new CallBench().connect();
    expect(bench.perform({ name: "HANGUP" }).outcome).toEqual(ok);
    expect(bench.take()).toEqual(["ENDED local hangup 200"]);
  });

  test.each([
    ["returned", { type: "returned" }, 480, "ENDED local hangup 480"],
    ["failed", { type: "failed", reason: "it threw" }, 500, "ENDED system error 500"],
  ] as const)("of a handler that %s without answering refuses the call", (_, how, status, event) => {
    const bench = new CallBench();
    bench.call.finish(how);
    expect(bench.bench.sentOne()).toMatchObject({ status });
    expect(bench.take()).toEqual([event]);
  });

  test("of a handler whose call is up sends BYE", () => {
    const bench = new CallBench().connect();
    bench.call.finish({ type: "failed", reason: "it threw" });
    expect(bench.bench.sentOne()).toMatchObject({ method: "BYE" });
    expect(bench.take()).toEqual(["ENDED system error 500"]);
  });
});

test("audio for a host name waits for its address, and goes nowhere before", async () => {
  const { promise, resolve } = Promise.withResolvers<string>();
  const named = offer.replace("c=IN IP4 192.0.2.9", "c=IN IP4 media.example.org");
  const bench = new CallBench({ body: named }, () => promise).connect();
  expect(bench.media.session.configuration?.remote).toBeUndefined();
  resolve("192.0.2.77");
  await promise;
  expect(bench.media.session.configuration?.remote).toMatchObject({ host: "192.0.2.77", port: 4000 });
});

test("events wait for a listener that comes later", () => {
  const bench = new CallBench().connect();
  bench.hangUp();
  const late: string[] = [];
  bench.call.listen((event) => late.push(event.name));
  expect(late).toEqual([]);
  expect(bench.take()).toEqual(["ENDED remote hangup 200"]);
});
