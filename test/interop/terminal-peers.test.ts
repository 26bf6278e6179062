/** The terminal phone with Kamailio as its registrar, called by baresip; and what is typed spoken, what is said read. */
import { afterEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import { has } from "../support/peers/available.ts";
import { Baresip } from "../support/peers/baresip.ts";
import { temporaryFolder } from "../support/peers/folder.ts";
import { kamailio, registrarAndProxy } from "../support/peers/kamailio.ts";
import { freePort } from "../support/peers/ports.ts";
import { Program } from "../support/peers/program.ts";
import { domain, users } from "../support/peers/provider.ts";
import { binary, siproc } from "../support/peers/siproc.ts";
import { duration, part, readWav } from "../support/peers/sound.ts";

setDefaultTimeout(40_000);

const open: { stop(): Promise<unknown> }[] = [];
afterEach(async () => {
  for (const one of open.splice(0).reverse()) await one.stop();
});

async function caller(...args: string[]) {
  const folder = temporaryFolder("caller", { secret: `${Object.entries(users)[0]?.[1]}\n` });
  const program = new Program({
    command: [binary, "caller", `--port=${await freePort()}`, ...args],
    cwd: folder,
    stdin: true,
    env: { XDG_CONFIG_HOME: folder },
  });
  open.push(program);
  return { program, file: (name: string) => join(folder, name) };
}

describe.skipIf(!has("kamailio", "baresip"))("caller at Kamailio", () => {
  const [user = "", other = ""] = Object.keys(users);

  test("registers with a password, is called by baresip, hears and says, and hears keys", async () => {
    const server = await kamailio(registrarAndProxy({ domain, users }));
    open.push(server);
    const { program, file } = await caller(
      ...["--listen", "--register", `--user=${user}`, `--domain=${domain}`, `--authuser=${user}`],
      ...["--authpass-file=secret", `--proxy=${server.address}`, "--auto-respond-after=0"],
      ...["--audio-in=tone:700", "--audio-out=heard.wav"],
    );
    expect(await program.line(/registered/)).toBe(`registered with SIP server as sip:${user}@${domain}`);
    const password = users[other as keyof typeof users] ?? "";
    const phone = await Baresip.start({
      user: other,
      registers: { domain, server: server.address, password },
      says: { tone: 440 },
    });
    open.push(phone);
    await phone.dial(`sip:${user}@${domain}`);
    await phone.event("CALL_ESTABLISHED");
    await program.line(/^connected/);
    await phone.press("5");
    await program.line(/^<<< key 5/);
    program.write("9\n");
    await phone.event("CALL_DTMF_START");
    await Bun.sleep(1500);
    await phone.hangup();
    await program.line(/call ended: hangup \(200\) by/);
    await program.stop();
    expect(duration(part(readWav(file("heard.wav"))), 440, 0.1)).toBeGreaterThan(1000);
    expect(duration(part(readWav(phone.heard()[0] ?? "")), 700, 0.05)).toBeGreaterThan(1000);
  });
});

describe.skipIf(!has("espeak-ng", "pocketsphinx_continuous"))("speech", () => {
  const echo = {
    config: "routes: [{ to: echo, script: echo.ts }]",
    files: {
      "echo.ts":
        "export default async function (call: Call) { await call.answer(); await call.echo(); await call.ended; }\n",
    },
  };

  test("--textspeech speaks what is typed", async () => {
    const server = await siproc(echo);
    open.push(server);
    const { program, file } = await caller(
      ...[`--to=sip:echo@${server.address}`, "--int-ip=127.0.0.1", "--textspeech", "--audio-out=heard.wav"],
    );
    await program.line(/^connected/);
    program.write("hello world\n");
    await Bun.sleep(4000);
    await program.stop();
    const { channels } = readWav(file("heard.wav"));
    const loudest = (channels[0] ?? new Float64Array(0)).reduce((most, sample) => Math.max(most, Math.abs(sample)), 0);
    expect(loudest).toBeGreaterThan(0.1);
  });

  test("--recognize shows what is said", async () => {
    const server = await siproc(echo);
    open.push(server);
    const folder = temporaryFolder("speech", {});
    Bun.spawnSync(["espeak-ng", "-v", "en-us", "-s", "130", "-w", join(folder, "says.wav"), "hello world"]);
    const { program } = await caller(
      ...[`--to=sip:echo@${server.address}`, "--int-ip=127.0.0.1", "--recognize"],
      `--audio-in=${join(folder, "says.wav")}`,
    );
    // Which words they are is the engine's: the speech round trip is tested elsewhere.
    expect(await program.line(/^<<< “/, 20_000)).toMatch(/^<<< “[a-z].*”$/);
  });
});
