/** Phones whose SRTP gets its keys by DTLS, without ICE, with and without one port for RTP and RTCP: baresip and Linphone, both ways. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { has } from "../support/peers/available.ts";
import { Baresip, type BaresipOptions, phoneHost } from "../support/peers/baresip.ts";
import { temporaryFolder } from "../support/peers/folder.ts";
import { Linphone } from "../support/peers/linphone.ts";
import { Program } from "../support/peers/program.ts";
import { binary, type Server, siproc } from "../support/peers/siproc.ts";
import { pitch } from "../support/peers/sound.ts";
import { until } from "../support/peers/until.ts";

const files = {
  "echo.ts": `export default async function (call: Call) {
  await call.answer();
  await call.echo();
  for await (const event of call) if (event.type === "dtmf") await call.dtmf(event.digit);
}`,
};

/** The tone in the last 300 ms of a WAV file that is still written, whose head tells no length yet. */
function toneAtTheEnd(file: string): number | undefined {
  if (!existsSync(file)) return undefined;
  const bytes = readFileSync(file);
  if (bytes.length < 44 + 16_000) return undefined;
  // Linphone and siproc write their heads last.
  const [channels, rate] = [bytes.readUInt16LE(22) || 1, bytes.readUInt32LE(24) || 8000];
  const frames = Math.floor((bytes.length - 44) / 2 / channels);
  const count = Math.floor(rate * 0.3);
  const samples = Float64Array.from(
    { length: count },
    (_, n) => bytes.readInt16LE(44 + (frames - count + n) * 2 * channels) / 32_768,
  );
  return pitch(samples, rate);
}

describe.skipIf(!has("baresip", "linphonec"))("SRTP with keys by DTLS, without ICE:", () => {
  let server: Server;
  const open: { stop(): Promise<unknown> }[] = [];
  beforeAll(async () => {
    const config = `routes: [{ to: "echo@*", script: echo.ts }]\nlog: { level: debug }`;
    server = await siproc({ host: phoneHost, files, config });
  });
  afterAll(async () => {
    await server?.stop();
  });
  afterEach(async () => {
    for (const one of open.splice(0)) await one.stop();
  });

  const baresip = async (mux: boolean, options: BaresipOptions = {}) => {
    const phone = await Baresip.start({
      ...options,
      account: ["mediaenc=dtls_srtp"],
      config: ["module dtls_srtp.so", `rtcp_mux ${mux ? "yes" : "no"}`],
    });
    open.push(phone);
    return phone;
  };

  /** siproc's own phone, which offers keys by DTLS and says 500 Hz. */
  const calls = async (uri: string) => {
    const heard = join(temporaryFolder("dtls-call"), "heard.wav");
    const sound = ["--audio-in", "tone:500", "--audio-out", heard];
    open.push(new Program({ command: [binary, "call", "--srtp", "dtls", ...sound, "--duration", "30s", uri] }));
    return { heard };
  };

  test.each([
    ["with one port", true],
    ["with a port each", false],
  ])("baresip calls, %s: its tone comes back, and its keys", async (_, mux) => {
    const phone = await baresip(mux, { says: { tone: 700 } });
    await phone.dial(`sip:echo@${server.address}`);
    await phone.event("CALL_ESTABLISHED");
    await until("its own tone", () => toneAtTheEnd(phone.heard()[0] ?? "/dev/null") === 700);
    await phone.press("7");
    expect((await phone.event("CALL_DTMF_START")).detail).toBe("7");
    await phone.hangup();
  });

  test("baresip is called, with a port each, where the policy is dtls", async () => {
    const phone = await baresip(false, { says: { tone: 900 }, autoAnswer: true });
    const { heard } = await calls(phone.uri);
    await phone.event("CALL_ESTABLISHED");
    await until("its tone", () => toneAtTheEnd(heard) === 900);
    await until("ours", () => toneAtTheEnd(phone.heard()[0] ?? "/dev/null") === 500);
  });

  test("Linphone calls, and is called", async () => {
    const phone = await Linphone.start({ codec: "PCMU", says: 620, srtp: "dtls", autoAnswer: true });
    open.push(phone);
    await phone.dial(`sip:echo@${server.address}`);
    await until("its own tone", () => toneAtTheEnd(phone.heard) === 620);
    await phone.hangup();
    const { heard } = await calls(`sip:linphone@${phoneHost}:${phone.port}`);
    await until("its tone", () => toneAtTheEnd(heard) === 620);
  });

  test("no key is in the log, however much it says", () => {
    const log = [...server.program.lines, ...server.program.stderr].join("\n");
    expect(log).not.toMatch(/crypto:|ice-pwd|[A-Fa-f0-9]{60}/);
  });
});
