/** `siproc call` calls SIPp and baresip: what goes over the wire, what its handler sees, and how it says that it went. */
import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { atMost } from "../support/at-most.ts";
import { has } from "../support/peers/available.ts";
import { Baresip, phoneHost } from "../support/peers/baresip.ts";
import { type Outgoing, type OutgoingOptions, placeCall } from "../support/peers/outgoing.ts";
import { received, type SippOptions, type SippResult, startSipp } from "../support/peers/sipp.ts";
import { repository } from "../support/peers/siproc.ts";
import { duration, part, pitch, readWav } from "../support/peers/sound.ts";

const script = (body: string) => `export default async function (call: Call) {\n${body}\n}\n`;
/** Waits for an event of that type, in the loop that follows. */
const when = (type: string, then: string) => `for await (const e of call) if (e.type === "${type}") { ${then} }`;

const turn = atMost();
/** Calls a SIPp that plays `callee`; `meanwhile` may act on the call while it is up. */
async function callSipp(
  callee: SippOptions,
  options: OutgoingOptions,
  meanwhile: (call: Outgoing) => Promise<void> = async () => {},
): Promise<{ call: Awaited<ReturnType<Outgoing["ended"]>>; callee: SippResult; log: string[] }> {
  return await turn(async () => {
    const peer = await startSipp(callee);
    const uri = `sip:bob@127.0.0.1:${peer.port}${callee.transport === "tcp" ? ";transport=tcp" : ""}`;
    const call = placeCall(uri, { ...options, args: ["--log-level", "info", ...(options.args ?? [])] });
    await meanwhile(call);
    const ended = await call.ended();
    return { call: ended, callee: await peer.result, log: call.program.stderr };
  });
}

const story = (callee: SippResult) => received(callee);
const answered = { exit: 0, status: "answered", code: 200, cause: "hangup" };

/** The scenario that SIPp plays, the handler, what SIPp then receives, and how the call went. */
const calls: [
  scenario: string,
  values: Record<string, string>,
  handler: OutgoingOptions,
  sees: string[],
  went: Record<string, string | number>,
][] = [
  [
    "uas-call",
    {},
    { script: script(when("connected", "return;")) },
    ["INVITE", "ACK", "BYE"],
    { ...answered, by: "local" },
  ],
  ["uas-hangs-up", {}, {}, ["INVITE", "ACK", "200 BYE"], { ...answered, by: "remote" }],
  [
    "uas-hangs-up",
    {},
    { script: script("for await (const _ of call);") },
    ["INVITE", "ACK", "200 BYE"],
    { ...answered, by: "remote" },
  ],
  [
    "uas-refuses",
    { status: "486 Busy Here" },
    {},
    ["INVITE", "ACK"],
    { exit: 1, status: "failed", code: 486, cause: "rejected", by: "remote" },
  ],
  [
    "uas-refuses",
    { status: "603 Decline" },
    {},
    ["INVITE", "ACK"],
    { exit: 1, status: "failed", code: 603, cause: "rejected", by: "remote" },
  ],
  [
    "uas-refuses",
    { status: "302 Moved" },
    {},
    ["INVITE", "ACK"],
    { exit: 1, status: "failed", code: 302, cause: "redirected", by: "remote" },
  ],
  [
    "uas-cancelled",
    {},
    { script: script(when("ringing", "await call.hangup();")) },
    ["INVITE", "CANCEL", "ACK"],
    { exit: 1, status: "failed", code: 487, cause: "hangup", by: "local" },
  ],
  [
    "uas-cancelled",
    {},
    { exec: "#!/bin/sh\nread -r event\necho HANGUP\nread -r event\n" },
    ["INVITE", "CANCEL", "ACK"],
    { exit: 1, status: "failed", code: 487, cause: "hangup", by: "local" },
  ],
  [
    "uas-early",
    {},
    { script: script(when("connected", "return;")) },
    ["INVITE", "ACK", "BYE"],
    { ...answered, by: "local" },
  ],
  [
    "uas-100rel",
    {},
    { script: script(when("connected", "return;")) },
    ["INVITE", "PRACK", "PRACK", "ACK", "BYE"],
    { ...answered, by: "local" },
  ],
  [
    "uas-forked",
    {},
    { script: script("for await (const _ of call);") },
    ["INVITE", "ACK", "ACK", "BYE", "200 BYE"],
    { ...answered, by: "remote" },
  ],
  [
    "uas-message",
    { text: "schöne Grüße" },
    {
      script: script(`for await (const e of call) {
    if (e.type === "connected") await call.message("schöne Grüße");
    if (e.type === "message" && e.text === "schöne Grüße") return;
  }`),
    },
    ["INVITE", "ACK", "MESSAGE", "200 MESSAGE", "BYE"],
    { ...answered, by: "local" },
  ],
  [
    "uas-message",
    { text: "a program's" },
    {
      exec: `#!/bin/sh
while read -r event rest; do
  case $event in
    CONNECTED) echo "MESSAGE a program's" ;;
    MESSAGE) echo HANGUP ;;
  esac
done
`,
    },
    ["INVITE", "ACK", "MESSAGE", "200 MESSAGE", "BYE"],
    { ...answered, by: "local" },
  ],
  [
    "uas-held",
    {},
    { script: script(when("connected", "await call.hold(); await call.resume(); return;")) },
    ["INVITE", "ACK", "INVITE", "ACK", "INVITE", "ACK", "BYE"],
    { ...answered, by: "local" },
  ],
];

/** Programs that say where the call stands, for who waits for it. */
const tells = (event: string, word: string): OutgoingOptions => ({
  exec: `#!/bin/sh\nwhile read -r event rest; do [ "$event" = ${event} ] && echo "it ${word}" >&2; done\n`,
});

describe.skipIf(!has("sipp"))("siproc call, to SIPp", () => {
  describe.each(["udp", "tcp"] as const)("over %s", (transport) => {
    test.concurrent.each(calls)("%s %o", async (scenario, values, handler, sees, went) => {
      const { call, callee } = await callSipp({ scenario, values, transport }, handler);
      expect(callee.errors).toBe("");
      expect(story(callee)).toEqual(sees);
      expect(call).toMatchObject(went);
      expect(callee.code).toBe(0);
    });

    test.concurrent("Ctrl-C in a call that is up sends BYE, and the call counts as answered", async () => {
      const { call, callee } = await callSipp(
        { scenario: "uas-call", transport },
        tells("CONNECTED", "is up"),
        async ({ program }) => {
          await program.line(/it is up/);
          program.signal("SIGINT");
        },
      );
      expect(story(callee)).toEqual(["INVITE", "ACK", "BYE"]);
      expect(call).toMatchObject({ ...answered, by: "local" });
    });

    test.concurrent("Ctrl-C while it rings sends CANCEL", async () => {
      const { call, callee } = await callSipp(
        { scenario: "uas-cancelled", transport },
        tells("RINGING", "rings"),
        async ({ program }) => {
          await program.line(/it rings/);
          program.signal("SIGINT");
        },
      );
      expect(story(callee)).toEqual(["INVITE", "CANCEL", "ACK"]);
      expect(call).toMatchObject({ exit: 1, status: "failed", code: 487, cause: "hangup", by: "local" });
    });
  });

  test("its line of JSON says when it rang, was answered and ended", async () => {
    const { call } = await callSipp({ scenario: "uas-call", values: { pause: "300" } }, calls[0]?.[2] ?? {});
    const { ringMs = 0, answerMs = 0, endMs } = call;
    expect(ringMs).toBeWithin(0, 2000);
    expect(answerMs).toBeWithin(ringMs + 250, ringMs + 3000);
    expect(endMs).toBeWithin(answerMs, answerMs + 3000);
  });

  test.concurrent("nobody there: it fails at once with what it is, over TCP", async () => {
    const call = await placeCall("sip:bob@127.0.0.1:1;transport=tcp").ended();
    expect(call).toMatchObject({ exit: 1, status: "failed", code: 503 });
  });

  test.concurrent.each(["tel:+4930", "bob", "sips:bob@127.0.0.1;transport=udp", "sip:bob@127.0.0.1;transport=sctp"])(
    "%s cannot be called: exit code 2",
    async (uri) => {
      const { program } = placeCall(uri);
      expect(await program.finish(10_000)).toBe(2);
      expect(program.stderr.join("\n")).toContain(uri);
      expect(program.stdout).toEqual([]);
    },
  );
});

describe.skipIf(!has("baresip", "sox"))("siproc call, to baresip", () => {
  const sounds = Object.fromEntries(
    ["tone", "beep"].map((name) => [
      `sounds/${name}.wav`,
      readFileSync(join(repository, `scripts/sounds/${name}.wav`)),
    ]),
  );
  const config = "scripts: { allow: { read: [sounds], write: [recordings] } }";

  /** Calls a phone that answers by itself; it says a tone of 620 Hz. */
  async function callPhone(options: OutgoingOptions, phoneOptions: { codecs?: ("PCMU" | "PCMA")[] } = {}) {
    const phone = await Baresip.start({ autoAnswer: true, says: { tone: 620 }, ...phoneOptions });
    try {
      const call = placeCall(phone.uri, { host: phoneHost, config, files: sounds, ...options });
      const ended = await call.ended();
      await phone.event("CALL_CLOSED");
      return { phone, ended, folder: call.folder };
    } finally {
      await phone.stop();
    }
  }

  test("keys that a script presses arrive in order and once each", async () => {
    const { phone, ended } = await callPhone({ script: script('await call.dtmf("159#*D");') });
    expect(ended).toMatchObject({ ...answered, by: "local" });
    expect(phone.events.filter(({ type }) => type === "CALL_DTMF_START").map(({ detail }) => detail)).toEqual([
      ..."159#*D",
    ]);
  });

  test.each(["PCMU", "PCMA"] as const)(
    "a file that a script plays is heard in %s, and what the phone says is recorded",
    async (codec) => {
      const { phone, ended, folder } = await callPhone(
        {
          script: script(
            'await call.record("recordings/call.wav"); await call.stereo(); await call.play("sounds/tone.wav"); await call.record();',
          ),
        },
        { codecs: [codec] },
      );
      expect(ended).toMatchObject({ ...answered, by: "local" });
      const heard = part(readWav(phone.heard()[0] ?? ""));
      expect(duration(heard, 440, 0.2)).toBeWithin(1900, 2101);
      const recorded = part(readWav(join(folder, "recordings/call.wav")), 500, 1500);
      expect(pitch(recorded, 8000, 500, 1000)).toBe(620);
      // Windows of 20 ms: a packet that baresip sends late shifts the phase of all that follow, and a busy machine makes many late.
      expect(duration(recorded, 620, 0.2)).toBeGreaterThan(200);
    },
  );

  test("what a program plays is heard", async () => {
    const { phone } = await callPhone({
      exec: `#!/bin/sh
while read -r event rest; do
  case $event in
    CONNECTED) echo "PLAY sounds/beep.wav" ;;
    STOPPED) echo HANGUP ;;
  esac
done
`,
    });
    expect(duration(part(readWav(phone.heard()[0] ?? "")), 1000, 0.2)).toBeWithin(340, 461);
  });
});
