/** Sounds at URLs: fetched once, bounded, and never from another host than the one that was allowed. */
import { afterAll, describe, expect, test } from "bun:test";
import { defaultRemoteSoundLimits, isSoundUrl, RemoteSounds } from "../../src/call/remote-sounds.ts";
import { resolveUrl } from "../../src/handlers/script/net.ts";

let asked = 0;
const server = Bun.serve({
  port: 0,
  hostname: "127.0.0.1",
  fetch(request) {
    asked++;
    const { pathname } = new URL(request.url);
    if (pathname === "/away") return Response.redirect("http://127.0.0.1:1/x");
    if (pathname === "/near") return Response.redirect("/sound");
    if (pathname === "/round") return Response.redirect("/round");
    if (pathname === "/big") return new Response(new Uint8Array(2000));
    if (pathname === "/never") return new Promise<Response>(() => {});
    return pathname === "/sound" ? new Response("RIFF") : new Response("none", { status: 404 });
  },
});
afterAll(() => server.stop(true));
const at = (path: string) => `http://127.0.0.1:${server.port}${path}`;
const limits = { ...defaultRemoteSoundLimits, size: 1000, time: 300 };

test("a sound is fetched once while it is fresh, by many at once too", async () => {
  let now = 0;
  const sounds = new RemoteSounds(limits, () => now);
  asked = 0;
  const [path, same] = await Promise.all([sounds.fetch(at("/sound")), sounds.fetch(at("/sound"))]);
  expect(await Bun.file(path).text()).toBe("RIFF");
  expect(same).toBe(path);
  now = limits.fresh - 1;
  expect(await sounds.fetch(at("/sound"))).toBe(path);
  expect(asked).toBe(1);
  now = limits.fresh + 1;
  expect(await sounds.fetch(at("/sound"))).not.toBe(path);
  expect(asked).toBe(2);
});

test("a redirect within the host is followed", async () => {
  expect(await Bun.file(await new RemoteSounds(limits).fetch(at("/near"))).text()).toBe("RIFF");
});

test.each([
  ["/none", "its host answers 404"],
  ["/away", "it redirects to another host"],
  ["/round", "it redirects too often"],
  ["/big", "it is larger than 0 MiB"],
  ["/never", "it takes too long to come"],
])("%s: %s", async (path, reason) => {
  expect(new RemoteSounds(limits).fetch(at(path))).rejects.toMatchObject({ code: "remote-sound", message: reason });
});

test("no more are kept and fetched than the limits say", async () => {
  const sounds = new RemoteSounds({ ...limits, files: 1, fetches: 1 });
  const first = await sounds.fetch(at("/sound?1"));
  await sounds.fetch(at("/sound?2"));
  while (await Bun.file(first).exists()) await new Promise<void>((done) => setImmediate(done));
  const slow = sounds.fetch(at("/never"));
  expect(sounds.fetch(at("/sound?3"))).rejects.toMatchObject({ message: "too many sounds are being fetched" });
  expect(slow).rejects.toMatchObject({ message: "it takes too long to come" });
});

describe("what a script may play from elsewhere", () => {
  test.each<[string, readonly string[], boolean]>([
    ["https://sounds.example.com/a.mp3", ["sounds.example.com"], true],
    ["https://sounds.example.com/a.mp3", ["*.example.com"], true],
    ["https://sounds.example.com:444/a.mp3", ["sounds.example.com"], false],
    ["https://other.example/a.mp3", ["sounds.example.com"], false],
    ["https://user:secret@sounds.example.com/a.mp3", ["sounds.example.com"], false],
    ["http://[", ["*.example.com"], false],
    ["https://sounds.example.com/a.mp3", [], false],
  ])("%s, allowed %p: %p", (url, allow, ok) => {
    expect(isSoundUrl(url)).toBe(true);
    expect(resolveUrl(url, allow).ok).toBe(ok);
  });

  test.each([["a.wav"], ["file:///etc/passwd"], ["ftp://a/b"], ["https"]])("%s is no URL but a file's name", (name) => {
    expect(isSoundUrl(name)).toBe(false);
  });
});
