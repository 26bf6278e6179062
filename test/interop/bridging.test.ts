/** Calls brought together by the binary: DIAL between SIPp and baresip, and a conference whose members are told by their tones. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { has } from "../support/peers/available.ts";
import { Baresip, type BaresipOptions, phoneHost } from "../support/peers/baresip.ts";
import { received, type SippRun, startSipp } from "../support/peers/sipp.ts";
import { type Server, siproc } from "../support/peers/siproc.ts";
import { amplitude, part, pitch, readWav } from "../support/peers/sound.ts";

/** The amplitude of a tone, a multiple of 10 Hz, in most windows of 100 ms: a packet that comes too late on a busy machine is no matter. */
function strength(samples: Float64Array, hertz: number, rate = 8000): number {
  const window = rate / 10;
  const each = Array.from({ length: Math.floor(samples.length / window) }, (_, i) =>
    amplitude(samples.subarray(i * window, (i + 1) * window), hertz, rate),
  );
  return each.sort((a, b) => a - b)[Math.floor(each.length / 2)] ?? Number.NaN;
}

/** Dials whom the caller's header names, and refuses the caller with the code of who did not answer. */
const dial = (options: string) => `export default async function (call: Call): Promise<void> {
  const target = call.headers.get("X-Target") ?? "";
  const { status, code, duration } = await call.dial(target.split(" "), { timeout: 1500, ${options} });
  console.log("dialed", status, code, duration > 0);
  if (status !== "answered") await call.reject(code);
}
`;

const scripts = {
  "dial.ts": dial(""),
  "each.ts": dial('order: "sequential"'),
  "short.ts": dial("limit: 700"),
};

const config = `routes:
${Object.keys(scripts)
  .map((file) => `  - { to: "${file.slice(0, -3)}@*", script: ${file} }`)
  .join("\n")}
scripts: { allow: { dial: ["bob@*", "carol@*"] } }`;

describe.skipIf(!has("sipp"))("SIPp calls SIPp through DIAL", () => {
  let server: Server;
  const callees: SippRun[] = [];
  beforeAll(async () => {
    server = await siproc({ config, files: scripts });
  });
  afterAll(async () => void (await server.stop()));
  afterEach(async () => {
    for (const callee of callees.splice(0)) await callee.stop();
  });

  const callee = async (scenario: string, values: Record<string, string> = {}) => {
    const run = await startSipp({ scenario, values });
    callees.push(run);
    return run;
  };
  /** A caller that plays a scenario and names its targets in a header. */
  const caller = async (scenario: string, service: string, targets: string[], values: Record<string, string> = {}) => {
    const contact = "Contact: <sip:caller@[local_ip]:[local_port];transport=[transport]>";
    const run = await startSipp({
      scenario,
      service,
      values: { ...values, contact: `${contact}\nX-Target: ${targets.join(" ")}` },
      remote: server.address,
    });
    return await run.result;
  };
  const bob = ({ port }: SippRun, user = "bob") => `sip:${user}@127.0.0.1:${port}`;
  const story = (result: Awaited<SippRun["result"]>) => received(result).filter((head) => head !== "100 INVITE");
  const dialed = () =>
    server.program.lines
      .filter((line) => line.includes("dialed "))
      .at(-1)
      ?.match(/dialed \w+ \d+ \w+/)?.[0];

  test("who answers is joined; the caller's BYE ends both", async () => {
    const called = await callee("uas-call", { pause: "300" });
    const run = await caller("uac-call", "dial", [bob(called)]);
    expect(story(run)).toEqual(["180 INVITE", "200 INVITE", "200 BYE"]);
    expect(story(await called.result)).toEqual(["INVITE", "ACK", "BYE"]);
  });

  test("early media is opened for the caller", async () => {
    const called = await callee("uas-early", { pause: "300" });
    const run = await caller("uac-call", "dial", [bob(called)]);
    expect(story(run)).toEqual(["183 INVITE", "200 INVITE", "200 BYE"]);
    expect(story(await called.result)).toEqual(["INVITE", "ACK", "BYE"]);
  });

  test.each([
    ["uas-refuses", "486 Busy Here", "486", "dialed busy 486 false"],
    ["uas-refuses", "603 Decline", "603", "dialed refused 603 false"],
    ["uas-refuses", "404 Not Found", "404", "dialed refused 404 false"],
    ["uas-cancelled", "", "408", "dialed unanswered 408 false"],
  ])("%s %s: the caller gets %s", async (scenario, status, code, log) => {
    const called = await callee(scenario, { status });
    const run = await caller("uac-rejected", "dial", [bob(called)], { status: code });
    expect(run.errors).toBe("");
    expect(story(run).at(-1)).toBe(`${code} INVITE`);
    expect(story(await called.result)).toEqual(
      scenario === "uas-cancelled" ? ["INVITE", "CANCEL", "ACK"] : ["INVITE", "ACK"],
    );
    expect(dialed()).toBe(log);
  });

  test("a caller who gives up early has the other call cancelled", async () => {
    const called = await callee("uas-cancelled");
    const run = await caller("uac-cancel", "dial", [bob(called)]);
    expect(story(run)).toEqual(["180 INVITE", "200 CANCEL", "487 INVITE"]);
    const cancelled = await called.result;
    expect(story(cancelled)).toEqual(["INVITE", "CANCEL", "ACK"]);
    expect(cancelled.messages.some(({ text }) => text.includes("Reason:"))).toBe(false);
  });

  test("the callee's BYE ends the caller's call, whose script has returned", async () => {
    const called = await callee("uas-hangs-up", { pause: "400" });
    const run = await caller("uac-hungup", "dial", [bob(called)], { pause: "5000" });
    expect(story(run).slice(-2)).toEqual(["200 INVITE", "BYE"]);
    expect(story(await called.result)).toEqual(["INVITE", "ACK", "200 BYE"]);
  });

  test("time is up: both are hung up", async () => {
    const called = await callee("uas-call", { pause: "100" });
    const run = await caller("uac-hungup", "short", [bob(called)], { pause: "5000" });
    expect(story(run).slice(-2)).toEqual(["200 INVITE", "BYE"]);
    expect(story(await called.result)).toEqual(["INVITE", "ACK", "BYE"]);
    expect(dialed()).toBe("dialed answered 200 true");
  });

  test("one after the other: the second answers when the first is busy", async () => {
    const busy = await callee("uas-refuses", { status: "486 Busy Here" });
    const called = await callee("uas-call", { pause: "100" });
    const run = await caller("uac-call", "each", [bob(busy), bob(called, "carol")]);
    expect(run.code).toBe(0);
    expect(story(await busy.result)).toEqual(["INVITE", "ACK"]);
    expect(story(await called.result)).toEqual(["INVITE", "ACK", "BYE"]);
  });

  test("all at once: the first to answer is joined, the other cancelled", async () => {
    const slow = await callee("uas-cancelled");
    const called = await callee("uas-call", { pause: "100" });
    const run = await caller("uac-call", "dial", [bob(slow), bob(called, "carol")]);
    expect(run.code).toBe(0);
    const cancelled = await slow.result;
    expect(story(cancelled)).toEqual(["INVITE", "CANCEL", "ACK"]);
    // RFC 3326: no missed call for phones that understand it.
    const cancel = cancelled.messages.find(({ text }) => text.startsWith("CANCEL "))?.text;
    expect(cancel).toContain('Reason: SIP;cause=200;text="Call completed elsewhere"');
    expect(story(await called.result)).toEqual(["INVITE", "ACK", "BYE"]);
  });

  test("whom allow.dial does not name is not called", async () => {
    const called = await callee("uas-call");
    const run = await caller("uac-rejected", "dial", [bob(called, "mallory")], { status: "500" });
    expect(story(run)).toEqual(["500 INVITE"]);
    expect(called.messages()).toEqual([]);
    expect(server.program.stderr.join("\n")).toContain("no pattern of scripts.allow.dial names it");
  });
});

describe.skipIf(!has("baresip", "sox"))("baresip", () => {
  let server: Server;
  let bob: Baresip;
  let wide: Baresip;
  const phones: Baresip[] = [];
  beforeAll(async () => {
    bob = await Baresip.start({ user: "bob", codecs: ["PCMA"], says: { tone: 900 }, autoAnswer: true });
    wide = await Baresip.start({ user: "bob", codecs: ["G722"], says: { tone: 900 }, autoAnswer: true });
    server = await siproc({
      host: phoneHost,
      codecs: ["PCMU", "PCMA", "G722", "opus"],
      files: {
        "meet.ts": `export default async function (call: Call) {
  await call.answer();
  await call.conference("meet", { tones: false });
}`,
        "mute.ts": `export default async function (call: Call) {
  await call.answer();
  await call.conference("meet", { muted: true });
}`,
        "dial.ts": `export default async function (call: Call) {
  await call.dial("${bob.uri}");
}`,
        "wide.ts": `export default async function (call: Call) {
  await call.dial("${wide.uri}");
}`,
      },
      config: `routes:
  - { to: "meet@*", script: meet.ts }
  - { to: "mute@*", script: mute.ts }
  - { to: "dial@*", script: dial.ts }
  - { to: "wide@*", script: wide.ts }
scripts: { allow: { dial: ["bob@*"] } }`,
    });
  }, 20_000);
  afterAll(async () => {
    await bob.stop();
    await wide.stop();
    await server.stop();
  });
  afterEach(async () => {
    for (const phone of phones.splice(0)) await phone.stop();
  });

  const dial = async (user: string, options: BaresipOptions = {}) => {
    const phone = await Baresip.start(options);
    phones.push(phone);
    await phone.dial(`sip:${user}@${server.address}`);
    await phone.event("CALL_ESTABLISHED");
    return phone;
  };
  /** What a phone has heard in its last second but one. */
  const heard = (phone: Baresip, file = phone.heard().at(-1)) => {
    const sound = readWav(file ?? "");
    const length = ((sound.channels[0]?.length ?? 0) * 1000) / sound.rate;
    return { samples: part(sound, length - 1600, length - 600), rate: sound.rate };
  };
  const hangUpAll = async (all: readonly Baresip[]) => {
    for (const phone of all) {
      await phone.hangup();
      await phone.event("CALL_CLOSED");
    }
  };

  test.each([
    ["PCMU", "PCMU", "PCMU"],
    ["PCMU", "PCMA", "G722"],
    ["opus", "PCMU", "G722"],
  ] as const)(
    "a conference in %s, %s and %s: each of three hears the two others and not itself",
    async (first, second, third) => {
      const codecs = [first, second, third];
      const tones = [440, 620, 1130];
      const members: Baresip[] = [];
      for (const [i, codec] of codecs.entries())
        members.push(await dial("meet", { codecs: [codec], says: { tone: tones[i] ?? 0 } }));
      await Bun.sleep(2500);
      await Promise.all(members.map((phone) => hangUpAll([phone])));
      for (const [i, phone] of members.entries()) {
        const { samples, rate } = heard(phone);
        for (const [j, tone] of tones.entries()) {
          const found = strength(samples, tone, rate);
          if (i === j) expect(found).toBeLessThan(0.01);
          else expect(found).toBeWithin(0.25, 0.38);
        }
      }
    },
    30_000,
  );

  test("who is muted in a conference hears, and is not heard", async () => {
    const speaker = await dial("meet", { says: { tone: 440 } });
    const listener = await dial("mute", { says: { tone: 620 } });
    await Bun.sleep(2500);
    await Promise.all([hangUpAll([speaker]), hangUpAll([listener])]);
    expect(strength(heard(listener).samples, 440)).toBeWithin(0.25, 0.38);
    expect(strength(heard(speaker).samples, 620)).toBeLessThan(0.01);
  }, 20_000);

  test.each([
    ["PCMU", "PCMA", 500],
    ["PCMA", "PCMA", 500],
    ["G722", "PCMA", 500],
    ["opus", "PCMA", 500],
    ["opus", "G722", 5200],
    ["G722", "G722", 5200],
  ] as const)(
    "in %s is joined by DIAL with one in %s: tones and keys go both ways",
    async (codec, theirs, tone) => {
      const callee = theirs === "PCMA" ? bob : wide;
      const before = callee.heard().length;
      const events = callee.events.length;
      const alice = await dial(theirs === "PCMA" ? "dial" : "wide", { codecs: [codec], says: { tone } });
      await callee.event("CALL_ESTABLISHED", 5000, events);
      await Bun.sleep(1500);
      await alice.press("7");
      await callee.press("#");
      expect((await callee.event("CALL_DTMF_START", 5000, events)).detail).toBe("7");
      expect((await alice.event("CALL_DTMF_START")).detail).toBe("#");
      await Bun.sleep(1800);
      await hangUpAll([alice]);
      await callee.event("CALL_CLOSED", 5000, events);
      const [a, b] = [heard(alice), heard(callee, callee.heard()[before])];
      expect(pitch(a.samples, a.rate)).toBe(900);
      expect(strength(a.samples, 900, a.rate)).toBeWithin(0.25, 0.38);
      expect(pitch(b.samples, b.rate, 100, 7000)).toBe(tone);
      expect(strength(b.samples, tone, b.rate)).toBeWithin(0.25, 0.38);
    },
    20_000,
  );
});
