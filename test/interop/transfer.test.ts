/** Transfer among three real programs, one of which is dist/siproc: as transferor, transferee and target (RFC 5589). */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { has } from "../support/peers/available.ts";
import { Baresip, phoneHost } from "../support/peers/baresip.ts";
import { Linphone } from "../support/peers/linphone.ts";
import { netSipTransferee } from "../support/peers/netsip.ts";
import { type SippRun, sipp, startSipp } from "../support/peers/sipp.ts";
import { type Server, siproc } from "../support/peers/siproc.ts";
import { amplitude, part, pitch, readWav } from "../support/peers/sound.ts";
import { until } from "../support/peers/until.ts";

const script = (body: string) => `export default async function (call: Call) {\n${body}\n}\n`;
const told = "for await (const event of call) console.log(call.id, ...Object.values(event));";

/** Whom the scripts transfer to stands in a file of their own folder: it is known once it listens. */
const files = {
  // Logs its id, and transfers to whom a key stands for.
  "blind.ts": script(`await call.answer();
  void call.transfer((await files.readText("target.txt")).trim()).then(() => console.log("transferred"), (e) => console.log("failed", e.reason));
  ${told}`),
  "first.ts": script(`await call.answer(); await files.writeText("first.txt", call.id); ${told}`),
  "second.ts": script(`await call.answer(); await new Promise((r) => setTimeout(r, 1000));
  void call.transfer(await files.readText("first.txt")).then(() => console.log("transferred"), (e) => console.log("failed", e.reason));
  ${told}`),
  "follow.ts": script(`await call.answer(); await call.echo();
  for await (const event of call) {
    console.log(call.id, ...Object.values(event));
    if (event.type === "referred") void call.follow().then(() => console.log("followed"), (e) => console.log("failed", e.reason));
  }`),
  "echo.ts": script(`await call.answer(); await call.echo(); ${told}`),
  // The original's way: a program that reads and writes lines.
  "classic.sh":
    '#!/bin/sh\\necho ANSWER\\nwhile read -r event rest; do\\n  [ "$event" = CONNECTED ] && echo "TRANSFER $(cat target.txt)"\\ndone\\n'.replaceAll(
      "\\n",
      "\n",
    ),
  "target.txt": "",
  "first.txt": "",
};

describe.skipIf(!has("baresip", "linphonec", "sipp", "perl", "sox"))("a transfer among three programs", () => {
  let server: Server;
  beforeAll(async () => {
    server = await siproc({
      host: phoneHost,
      files,
      config: `routes:
  - { to: "blind@*", script: blind.ts }
  - { to: "first@*", script: first.ts }
  - { to: "second@*", script: second.ts }
  - { to: "follow@*", script: follow.ts }
  - { to: "echo@*", script: echo.ts }
  - { to: "classic@*", exec: [sh, classic.sh] }
log: { level: debug }
scripts: { allow: { read: [.], write: [.], dial: ["*"] } }`,
    });
  });
  afterAll(async () => void (await server.stop()));

  const from = () => server.program.stderr.length;
  const log = (start: number) => server.program.stderr.slice(start).join("\n");
  const logged = (start: number, what: RegExp) => until(String(what), () => what.test(log(start)));
  const sends = async (file: string, text: string) => void (await Bun.write(`${server.folder}/${file}`, text));
  const hears = (file: string) => Bun.file(file).size > 16_000 * 2.5;

  test.each(["blind", "classic"])(
    "blind: siproc (%s) sends baresip to linphone, and they hear each other",
    async (way) => {
      const start = from();
      const target = await Linphone.start({ autoAnswer: true, says: 620, codec: "PCMU" });
      const caller = await Baresip.start({ user: "alice", says: { tone: 440 } });
      try {
        await sends("target.txt", `sip:linphone@${phoneHost}:${target.port}\n`);
        await caller.dial(`sip:${way}@${server.address}`);
        await target.program.line(/Media streams established/);
        await logged(start, /cause=transferred/);
        if (way === "blind") {
          await logged(start, /transferring 200/);
          await logged(start, /info {2}transferred call=/);
        }
        await until("sound", () => hears(target.heard));
        await caller.command("hangup");
        await target.program.line(/Call 1 .* ended/);
        expect(pitch(part(readWav(await target.recording()), 1500, 2000))).toBe(440);
      } finally {
        await caller.stop();
        await target.stop();
      }
    },
  );

  test("blind, to somebody who is not there: the call stays, and the handler is told why", async () => {
    const start = from();
    const caller = await Baresip.start({ user: "alice" });
    try {
      await sends("target.txt", `sip:nobody@${server.address}\n`);
      await caller.dial(`sip:blind@${server.address}`);
      await logged(start, /failed the other side got 404/);
      expect(log(start)).not.toContain("cause=transferred");
    } finally {
      await caller.stop();
    }
  });

  test("blind: baresip sends siproc to linphone, and siproc goes on with it", async () => {
    const start = from();
    const target = await Linphone.start({ autoAnswer: true, says: 620, codec: "PCMU" });
    const caller = await Baresip.start({ user: "alice" });
    try {
      await caller.dial(`sip:follow@${server.address}`);
      await caller.event("CALL_ESTABLISHED");
      await caller.command("transfer", `sip:linphone@${phoneHost}:${target.port}`);
      await target.program.line(/Media streams established/);
      await logged(start, /followed/);
      await caller.event("CALL_CLOSED");
      await until("sound", () => hears(target.heard));
      target.type("terminate");
      await logged(start, /the call has ended .*by=remote cause=hangup/);
      // siproc is an echo: linphone hears itself.
      const heard = part(readWav(await target.recording()), 1500, 2000);
      expect(pitch(heard)).toBe(620);
      expect(amplitude(heard, 620)).toBeGreaterThan(0.1);
    } finally {
      await caller.stop();
      await target.stop();
    }
  });

  test("attended: siproc connects Net::SIP and linphone, which have both called it", async () => {
    const start = from();
    const first = await Linphone.start({ says: 620, codec: "PCMU" });
    try {
      await first.dial(`sip:first@${server.address}`);
      await until("id", () => Bun.file(`${server.folder}/first.txt`).size > 0);
      const second = await netSipTransferee(`sip:second@${server.address}`);
      try {
        for (const line of [/CALLED 200/, /REFERRED/, /REPLACED 200/, /BYE/]) await second.line(line);
        await first.program.line(/Call 1 .* ended/);
        await first.program.line(/Call 2 .* connected/);
        await logged(start, /info {2}transferred call=/);
        await until("both calls to end", () => (log(start).match(/the call has ended/g) ?? []).length === 2);
      } finally {
        await second.stop();
      }
    } finally {
      await first.stop();
    }
  });

  test("attended: who takes the other side's place in a call is answered in it, and the other side is let go", async () => {
    const start = from();
    const away = await startSipp({
      scenario: "uac-hungup",
      remote: server.address,
      host: phoneHost,
      service: "echo",
      values: { pause: "15000" },
    });
    await logged(start, /connected/);
    const { callId, toTag, fromTag } = await until("its dialog", () => dialogOf(away));
    const contact = (replaces: string) =>
      `Contact: <sip:caller@[local_ip]:[local_port];transport=[transport]>\nReplaces: ${replaces}`;
    // A user whom no route knows: the dialog is what counts.
    const call = { remote: server.address, host: phoneHost, service: "whoever" };
    const caller = await sipp({
      ...call,
      scenario: "uac-call",
      values: { contact: contact(`${callId};to-tag=${toTag};from-tag=${fromTag}`) },
    });
    expect({ code: caller.code, errors: caller.errors }).toEqual({ code: 0, errors: "" });
    expect((await away.result).code).toBe(0);
    await logged(start, /transferred sip:caller@/);
    await logged(start, /the call has ended .*by=remote cause=hangup/);
    const values = { status: "481", contact: contact(`${callId};to-tag=1;from-tag=2`) };
    const stranger = await sipp({ ...call, service: "echo", scenario: "uac-rejected", values });
    expect({ code: stranger.code, errors: stranger.errors }).toEqual({ code: 0, errors: "" });
  });
});

/** The dialog of a SIPp run, as siproc knows it. */
function dialogOf(run: SippRun): { callId: string; toTag: string; fromTag: string } | undefined {
  const text = run.messages().findLast(({ text: message }) => message.startsWith("SIP/2.0 200"))?.text;
  const value = (pattern: RegExp) => pattern.exec(text ?? "")?.[1];
  const [callId, toTag, fromTag] = [
    value(/^Call-ID: *(\S+)/im),
    value(/^To:.*;tag=([^;\s]+)/im),
    value(/^From:.*;tag=([^;\s]+)/im),
  ];
  return callId === undefined || toTag === undefined || fromTag === undefined ? undefined : { callId, toTag, fromTag };
}
