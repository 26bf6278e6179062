/** The programs of docs/library.md that phones call, register at, or are called by: run as printed but for addresses. */
import { afterEach, describe, expect, test } from "bun:test";
import { join } from "node:path";
import { programBelow, type Running, runProgram } from "../support/library.ts";
import { has } from "../support/peers/available.ts";
import { Baresip, phoneHost } from "../support/peers/baresip.ts";
import { netSipAnswerer, netSipCaller, readMuLaw } from "../support/peers/netsip.ts";
import { lastPitch } from "../support/peers/phones.ts";
import { freePort, untilBound } from "../support/peers/ports.ts";
import { domain, users } from "../support/peers/provider.ts";
import { duration, part, pitch, readWav, sine, wav } from "../support/peers/sound.ts";
import { until } from "../support/peers/until.ts";

const open: { stop(): Promise<unknown> }[] = [];
afterEach(async () => {
  for (const one of open.splice(0).reverse()) await one.stop();
});

const tone = (hertz: number, ms: number) => wav(8000, sine(hertz, ms, 0.316));

/** A program that phones register at; gives its `host:port`. */
async function serving(heading: string): Promise<string> {
  const port = await freePort();
  const address = `${phoneHost}:${port}`;
  const { program } = runProgram(programBelow(heading), { "192.0.2.10:5060": address });
  open.push(program);
  if (!(await untilBound(port, "udp", 10_000, program.pid))) throw new RangeError(program.lines.join("\n"));
  return address;
}

/** A program that registers at, and calls by way of, `server`. */
function client(text: string, server: string, files: Readonly<Record<string, Uint8Array>> = {}): Running {
  const running = runProgram(text, { "192.0.2.10": server }, files);
  open.push(running.program);
  return running;
}

type Someone = "alice" | "bob";
const registration = (server: string, user: Someone) => ({ server, domain, password: users[user] });

async function baresip(server: string, user: Someone, hertz: number): Promise<Baresip> {
  const phone = await Baresip.start({
    user,
    registers: registration(server, user),
    says: { tone: hertz },
    autoAnswer: true,
  });
  open.push(phone);
  return phone;
}

const hears = (phone: Baresip, hertz: number) =>
  until(`${hertz} Hz`, () => lastPitch(phone.heard().at(-1)) === hertz || undefined);

describe.skipIf(!has("baresip", "Net::SIP", "sox"))("programs of docs/library.md", () => {
  test("registrar and proxy with auth: two baresips register and hear each other", async () => {
    const server = await serving("Registrar and proxy with auth");
    const [alice, bob] = [await baresip(server, "alice", 500), await baresip(server, "bob", 900)];
    await alice.dial(bob.uri);
    await Promise.all([hears(alice, 900), hears(bob, 500)]);
    await alice.hangup();
    await bob.event("CALL_CLOSED");
  });

  test("registrar and proxy with auth: a wrong password is none, and nobody registers others", async () => {
    const server = await serving("Registrar and proxy with auth");
    const wrong = await netSipAnswerer({ ...registration(server, "bob"), user: "bob", password: "wonderland" });
    open.push(wrong.program);
    expect(wrong.program.lines[0]).toStartWith("REFUSED");
    // Net::SIP's user name and From are the same here: carol is nobody.
    const nobody = await netSipAnswerer({ ...registration(server, "bob"), user: "carol" });
    open.push(nobody.program);
    expect(nobody.program.lines[0]).toStartWith("REFUSED");
  });

  test("registrar and proxy: Net::SIP programs call each other, hold, take back, hang up", async () => {
    const server = await serving("Registrar and proxy");
    const callee = await netSipAnswerer({ ...registration(server, "bob"), user: "bob" }, 1100);
    open.push(callee.program);
    const caller = await netSipCaller(
      { ...registration(server, "alice"), user: "alice" },
      { callee: "bob", tone: 700, phase: 0.5 },
    );
    open.push(caller.program);
    expect(await caller.program.finish(15_000)).toBe(0);
    expect(caller.program.stdout.slice(1)).toEqual(["CALL OK 200", "HOLD OK 200", "RESUME OK 200", "BYE answered"]);
    expect(pitch(await readMuLaw(caller.heard))).toBe(1100);
    expect(pitch(await readMuLaw(callee.heard))).toBe(700);
  });

  test("call somebody: baresip hears the announcement, then the program is registered no longer", async () => {
    const server = await serving("Registrar and proxy with auth");
    const bob = await baresip(server, "bob", 900);
    const { program } = client(programBelow("Call somebody"), server, { "announcement.wav": tone(700, 1500) });
    await bob.event("CALL_ESTABLISHED");
    await hears(bob, 700);
    await bob.event("CALL_CLOSED");
    expect(await program.finish(10_000)).toBe(0);
    expect(program.lines).toEqual([]);
    await bob.dial(`sip:alice@${domain}`);
    expect((await bob.event("CALL_CLOSED", 10_000, bob.events.length - 1)).detail).toContain("404");
  });

  test("a file after another", async () => {
    const server = await serving("Registrar and proxy with auth");
    const bob = await baresip(server, "bob", 900);
    const { program } = client(programBelow("What a call can do"), server, {
      "welcome.wav": tone(700, 1000),
      "announcement.wav": tone(1100, 1000),
    });
    await hears(bob, 700);
    await hears(bob, 1100);
    expect(await program.finish(10_000)).toBe(0);
  });

  test("echo and record: baresip hears itself until it hangs up", async () => {
    const server = await serving("Registrar and proxy with auth");
    const bob = await baresip(server, "bob", 900);
    const { program, folder } = client(programBelow("What a call can do", 1), server);
    await hears(bob, 900);
    await bob.hangup();
    expect(await program.finish(10_000)).toBe(0);
    expect(pitch(part(readWav(join(folder, "heard.wav"))))).toBe(900);
  });

  test("answer machine: a Net::SIP program is greeted, and what it says is recorded", async () => {
    const server = await serving("Registrar and proxy with auth");
    const { program, folder } = client(programBelow("Answer calls: an answer machine"), server, {
      "welcome.wav": tone(1300, 5000),
    });
    const call = async () => {
      const caller = await netSipCaller(
        { ...registration(server, "alice"), user: "alice" },
        { callee: "bob", tone: 700, phase: 0.7 },
      );
      open.push(caller.program);
      return { ...caller, code: await caller.program.finish(15_000) };
    };
    let caller = await call();
    // Until the machine is registered there is nobody there.
    for (let more = 20; caller.code !== 0 && more > 0; more--) caller = await call();
    expect(caller.program.stdout).toContain("HOLD OK 200");
    // What it heard after its last re-INVITE.
    expect(pitch(await readMuLaw(caller.heard))).toBe(1300);
    const recordings = [...new Bun.Glob("*-*.wav").scanSync({ cwd: folder, absolute: true })];
    expect(recordings).toHaveLength(1);
    const recorded = part(readWav(recordings[0] ?? ""));
    expect([700, 1300].map((hertz) => duration(recorded, hertz, 0.05) > 500)).toEqual([true, true]);
    expect(program.lines).toEqual([]);
  });
});
