/** baresip and Linphone call over TLS with SRTP by SDES keys, and are called: echoed, bridged, relayed, refused in clear. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { Authority } from "../support/certificates.ts";
import { has } from "../support/peers/available.ts";
import { Baresip, type BaresipOptions, phoneHost } from "../support/peers/baresip.ts";
import { Linphone } from "../support/peers/linphone.ts";
import { Program } from "../support/peers/program.ts";
import { binary, type Server, siproc } from "../support/peers/siproc.ts";
import { amplitude, part, pitch, readWav } from "../support/peers/sound.ts";
import { until } from "../support/peers/until.ts";

const domain = "phones.example";
const password = "wonderland";

const scripts = {
  "echo.ts": `export default async function (call: Call) {
  await call.answer();
  await call.echo();
  for await (const event of call) if (event.type === "dtmf") await call.dtmf(event.digit);
}`,
  // "dial-5062-tls" calls baresip there, "dial-ann" who has registered as ann.
  "dial.ts": `export default async function (call: Call) {
  const [, port, transport] = call.local.user.split("-");
  const target = transport ? "baresip@${phoneHost}:" + port + ";transport=" + transport : port + "@${domain}";
  const { status, code } = await call.dial("sip:" + target);
  console.log("dialed", status, code);
  if (status !== "answered") await call.reject(code);
}`,
};

describe.skipIf(!has("baresip", "linphonec", "sox", "openssl"))("over TLS, baresip", () => {
  const authority = new Authority();
  let server: Server;
  let certificate: string;
  const phones: Baresip[] = [];
  beforeAll(async () => {
    const made = authority.make({ san: `IP:${phoneHost},DNS:${domain}` });
    certificate = `${authority.folder}/both.pem`;
    await Bun.write(certificate, (await Bun.file(made.cert).text()) + (await Bun.file(made.key).text()));
    server = await siproc({
      host: phoneHost,
      listen: ["tls"],
      files: scripts,
      config: `tls: { cert: ${made.cert}, key: ${made.key}, ca: ${authority.ca} }
domains: [${domain}]
accounts: [{ user: ann, password: ${password} }, { user: ben, password: ${password} }]
routes:
  - { to: "echo@*", script: echo.ts }
  - { to: "open@*", script: echo.ts, srtp: optional }
  - { to: "closed@*", script: echo.ts, srtp: required }
  - { to: "dial*@*", script: dial.ts }
  - { to: "*@${domain}", location: true, nat: relay }
scripts: { allow: { dial: ["*@*"] } }`,
    });
  });
  afterAll(async () => {
    await server.stop();
    authority.close();
  });
  afterEach(async () => {
    for (const phone of phones.splice(0)) await phone.stop();
  });

  const phone = async (encryption: string | undefined, options: BaresipOptions = {}) => {
    const started = await Baresip.start({
      transport: "tls",
      ...options,
      account: [...(encryption === undefined ? [] : [`mediaenc=${encryption}`]), ...(options.account ?? [])],
      config: [
        "module srtp.so",
        `sip_certificate ${certificate}`,
        `sip_cafile ${authority.ca}`,
        ...(options.config ?? []),
      ],
    });
    phones.push(started);
    return started;
  };
  const at = (user: string) => `sip:${user}@${phoneHost}:${server.ports.tls};transport=tls`;

  test.each([
    ["srtp-mand", "RTP/SAVP"],
    ["srtp-mandf", "RTP/SAVPF"],
    ["srtp", "RTP/AVP with keys"],
  ])("%s (%s): its own tone comes back, and keys", async (encryption) => {
    const caller = await phone(encryption, { says: { tone: 700 } });
    await caller.dial(at("echo"));
    await caller.event("CALL_ESTABLISHED");
    await Bun.sleep(1500);
    await caller.press("7");
    expect((await caller.event("CALL_DTMF_START")).detail).toBe("7");
    await caller.hangup();
    await caller.event("CALL_CLOSED");
    const heard = readWav(caller.heard()[0] ?? "");
    expect(pitch(part(heard, 700, 1300))).toBe(700);
    expect(amplitude(part(heard, 700, 1300), 700)).toBeWithin(0.2, 0.4);
  });

  /** What caller and callee hear, called through DIAL. */
  const through = async (caller: Baresip, callee: Baresip, transport: "tls" | "udp") => {
    const port = callee.port + (transport === "tls" ? 1 : 0);
    await caller.dial(at(`dial-${port}-${transport}`));
    await callee.event("CALL_ESTABLISHED");
    await Bun.sleep(2000);
    await caller.hangup();
    await caller.event("CALL_CLOSED");
    await callee.event("CALL_CLOSED");
    return [caller, callee].map((one) => pitch(part(readWav(one.heard()[0] ?? ""), 900, 1500)));
  };

  test("is called, encrypted as it demands, and joined to a caller who has other keys", async () => {
    const caller = await phone("srtp-mand", { says: { tone: 700 } });
    const callee = await phone("srtp-mand", { says: { tone: 900 }, autoAnswer: true });
    expect(await through(caller, callee, "tls")).toEqual([900, 700]);
  });

  test("is joined to a phone that is called over UDP, in clear", async () => {
    const caller = await phone("srtp-mand", { says: { tone: 700 } });
    const callee = await phone(undefined, { transport: "udp", says: { tone: 900 }, autoAnswer: true });
    expect(await through(caller, callee, "udp")).toEqual([900, 700]);
  });

  test("that takes calls in clear alone is not called in clear", async () => {
    const caller = await phone("srtp-mand");
    const callee = await phone(undefined, { autoAnswer: true });
    await caller.dial(at(`dial-${callee.port + 1}-tls`));
    // It answers RTP/SAVP with RTP/AVP, if at all: such an answer ends the call.
    expect((await caller.event("CALL_CLOSED")).detail).toMatch(/488|4\d\d|Connection reset/);
    await Bun.sleep(300);
    expect(callee.heard().filter((file) => part(readWav(file), 0, 200).some((sample) => sample !== 0))).toEqual([]);
  });

  test("two that register call each other through the relay, which hands their SRTP on as it comes", async () => {
    const registers = { server: `${phoneHost}:${server.ports.tls}`, domain, password, ca: authority.ca };
    const ann = await phone("srtp-mand", { user: "ann", registers, says: { tone: 700 } });
    const ben = await phone("srtp-mand", { user: "ben", registers, says: { tone: 900 }, autoAnswer: true });
    await ann.dial(ben.uri);
    await ben.event("CALL_ESTABLISHED");
    await Bun.sleep(2000);
    await ann.hangup();
    await ben.event("CALL_CLOSED");
    await ann.event("CALL_CLOSED");
    expect([ann, ben].map((one) => pitch(part(readWav(one.heard()[0] ?? ""), 900, 1500)))).toEqual([900, 700]);
  });

  test("and Linphone are joined, each with its own keys; Linphone's own tone comes back from an echo", async () => {
    const registers = { server: `${phoneHost}:${server.ports.tls}`, domain, password, ca: authority.ca };
    const linphone = await Linphone.start({
      registers: { ...registers, user: "ann", transport: "tls" },
      codec: "PCMU",
      says: 620,
      srtp: true,
      autoAnswer: true,
    });
    const recorded = () => Bun.file(linphone.heard).size;
    try {
      await linphone.dial(`sip:echo@${domain}`);
      await until("echo", () => recorded() > 16_000 * 1.5);
      await linphone.hangup();
      expect(pitch(part(readWav(await linphone.recording()), 800, 1300))).toBe(620);
      const caller = await phone("srtp-mand", { says: { tone: 700 } });
      await caller.dial(at("dial-ann"));
      await caller.event("CALL_ESTABLISHED");
      await Bun.sleep(2500);
      await caller.hangup();
      await caller.event("CALL_CLOSED");
      expect(pitch(part(readWav(caller.heard()[0] ?? ""), 1200, 1800))).toBe(620);
    } finally {
      await linphone.stop();
    }
    const heard = readWav(await linphone.recording());
    const length = ((heard.channels[0]?.length ?? 0) / heard.rate) * 1000;
    expect(pitch(part(heard, length - 1200, length - 700))).toBe(700);
  });

  test("a call in clear is taken by a route that says so", async () => {
    const caller = await phone(undefined);
    await caller.dial(at("open"));
    await caller.event("CALL_ESTABLISHED");
    await caller.hangup();
    await caller.event("CALL_CLOSED");
  });

  test.each([
    ["required", 200],
    ["off", 488],
  ])("the terminal's phone with --srtp %s at a route that requires it: %d", async (srtp, code) => {
    const target = `sip:closed@${server.address}`;
    const program = new Program({ command: [binary, "call", "--srtp", srtp, "--duration", "300ms", target] });
    expect(JSON.parse(await program.line(/^{/))).toMatchObject({ code });
    await program.finish(3000);
  });

  test("a call in clear is refused", async () => {
    const caller = await phone(undefined);
    await caller.dial(at("echo"));
    expect((await caller.event("CALL_CLOSED")).detail).toMatch(/488/);
  });
});
