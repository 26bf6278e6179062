/** baresip hears compressed files, and one from a web server, played by a script in the binary; and its keys in every way. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { join, resolve } from "node:path";
import { has } from "../support/peers/available.ts";
import { Baresip, type BaresipOptions, phoneHost } from "../support/peers/baresip.ts";
import { repository, type Server, siproc } from "../support/peers/siproc.ts";
import { amplitude, duration, part, readWav } from "../support/peers/sound.ts";

const sounds = resolve(repository, "test/media/compressed");
const names = ["tone.mp3", "tone.ogg", "tone.opus", "tone.flac"];

describe.skipIf(!has("baresip", "sox"))("baresip hears", () => {
  let server: Server;
  let web: Bun.Server<undefined>;
  const phones: Baresip[] = [];
  beforeAll(async () => {
    web = Bun.serve({
      port: 0,
      hostname: "127.0.0.1",
      fetch: (request) => new Response(Bun.file(join(sounds, new URL(request.url).pathname))),
    });
    const files: Record<string, Uint8Array | string> = {};
    for (const name of names) files[name] = new Uint8Array(await Bun.file(join(sounds, name)).arrayBuffer());
    server = await siproc({
      host: phoneHost,
      files: {
        ...files,
        "files.ts": `export default async function (call: Call) {
  await call.answer();
  const file = call.local.user.replace("-", ".");
  await call.play(file.startsWith("web") ? "http://127.0.0.1:${web.port}/tone.mp3" : file, { loop: 2 });
  await call.hangup();
}`,
        "loop.ts": `export default async function (call: Call) {
  await call.answer();
  const playing = call.play("tone.flac", { loop: 0, volume: -6 });
  await new Promise((done) => setTimeout(done, 1500));
  await call.pause();
  await new Promise((done) => setTimeout(done, 600));
  await call.pause(false);
  await new Promise((done) => setTimeout(done, 500));
  await call.stop();
  await playing;
  await call.hangup();
}`,
        "keys.ts": `export default async function (call: Call) {
  await call.answer();
  await call.dtmf("1,2", { by: "info" });
  await call.dtmf("3", { by: "inband" });
  await call.hangup();
}`,
      },
      config: `routes:
  - { to: "loop@*", script: loop.ts }
  - { to: "keys@*", script: keys.ts }
  - { to: "*@*", script: files.ts }
scripts: { allow: { net: ["127.0.0.1:${web.port}"] } }`,
    });
  });
  afterAll(async () => {
    await web.stop(true);
    await server.stop();
  });
  afterEach(async () => {
    for (const phone of phones.splice(0)) await phone.stop();
  });

  const call = async (user: string, options: BaresipOptions = {}) => {
    const phone = await Baresip.start({ says: { tone: 400 }, ...options });
    phones.push(phone);
    await phone.dial(`sip:${user}@${server.address}`);
    await phone.event("CALL_ESTABLISHED");
    await phone.event("CALL_CLOSED");
    return phone;
  };
  const heard = (phone: Baresip) => part(readWav(phone.heard()[0] ?? ""));

  test.each([...names, "web"])("%s, twice", async (name) => {
    const phone = await call(name.replace(".", "-"));
    // 600 ms each time; MP3 has a little silence around it.
    expect(duration(heard(phone), 1000, 0.2)).toBeWithin(1050, 1301);
  });

  test("a file played on and on at half its level, held for a while, and stopped", async () => {
    const samples = heard(await call("loop"));
    const sounding = duration(samples, 1000, 0.12);
    expect(sounding).toBeWithin(1700, 2301);
    expect(amplitude(samples.subarray(8 * 600, 8 * 1000), 1000)).toBeWithin(0.13, 0.17);
  });

  test("keys as INFO and as a tone", async () => {
    const phone = await call("keys");
    const keys = phone.events.filter(({ type }) => type === "CALL_DTMF_START").map(({ detail }) => detail);
    expect(keys).toEqual(["1", "2"]);
    const samples = heard(phone);
    expect(duration(samples, 697, 0.1)).toBeWithin(120, 201);
    expect(duration(samples, 1477, 0.1)).toBeWithin(120, 201);
  });
});
