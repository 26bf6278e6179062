/** What the page's files are served with, and the words and addresses that its script makes. */
import { describe, expect, test } from "bun:test";
import { readConfig } from "../../src/config/index.ts";
import { masked } from "../../src/control/capture/mask.ts";
import { shownUri, uriOf } from "../../src/page/client/address.ts";
import { judge, scoreOf } from "../../src/page/client/quality.ts";
import { endOf, reasonOf } from "../../src/page/client/reasons.ts";
import { iceServersIn } from "../../src/page/client/turn.ts";
import { Page } from "../../src/page/index.ts";
import { turnCredentials, turnHeaders } from "../../src/server/turn.ts";
import { FakeFlow } from "../support/fake-flow.ts";
import { below, seeded } from "../support/random.ts";

const options = {
  title: "siproc",
  to: [],
  domain: undefined,
  frames: [],
  ice: [],
  securePort: undefined,
  turn: undefined,
};
const get = (path: string, init: RequestInit = {}, more: Partial<ConstructorParameters<typeof Page>[0]> = {}) =>
  new Page({ ...options, ...more }).answer(new Request(`http://pbx.example.com:8080${path}`, init));

describe("the page", () => {
  test("forbids frames, inline scripts and connections elsewhere", async () => {
    const { headers, status } = await get("/?to=echo");
    expect(status).toBe(200);
    const policy = headers.get("content-security-policy") ?? "";
    expect(policy).toContain("frame-ancestors 'none'");
    expect(policy).toContain("default-src 'none'; script-src 'self'; style-src 'self'");
    expect(policy).toContain("connect-src 'self' ws://pbx.example.com:8080 wss://pbx.example.com:8080;");
    expect(policy).not.toContain("unsafe");
    expect(headers.get("x-frame-options")).toBe("DENY");
    expect(headers.get("x-content-type-options")).toBe("nosniff");
  });

  test("may stand in frames of those that are named", async () => {
    const { headers } = await get("/", {}, { frames: ["https://intranet.example.com"] });
    expect(headers.get("content-security-policy")).toContain("frame-ancestors 'self' https://intranet.example.com");
    expect(headers.has("x-frame-options")).toBe(false);
  });

  test.each([
    ["POST", "/", 405],
    ["DELETE", "/siproc.js", 405],
    ["GET", "/nothing", 404],
    ["GET", "/../package.json", 404],
    ["GET", `/${"x".repeat(3000)}`, 404],
    ["POST", "/nothing", 404],
  ])("%s %p gets %p", async (method, path, status) => {
    expect((await get(path, { method })).status).toBe(status);
  });

  test("is not sent twice to who has it, and is packed for who asks", async () => {
    const first = await get("/siproc.css");
    const tag = first.headers.get("etag") ?? "";
    expect((await get("/siproc.css", { headers: { "if-none-match": tag } })).status).toBe(304);
    const packed = await get("/siproc.css", { headers: { "accept-encoding": "br, gzip;q=0.5" } });
    expect(packed.headers.get("content-encoding")).toBe("gzip");
    const text = Buffer.from(Bun.gunzipSync(new Uint8Array(await packed.arrayBuffer()))).toString();
    expect(text).toBe(await first.text());
    const plain = await get("/siproc.css", { headers: { "accept-encoding": "gzip;q=0" } });
    expect(plain.headers.has("content-encoding")).toBe(false);
  });

  test("shows what the configuration says as text, never as markup", async () => {
    const html = await (await get("/", {}, { title: `"><script>`, to: [`a"b`] })).text();
    expect(html).not.toContain('"><script>');
    expect(html).not.toContain('a"b');
  });
});

describe("credentials for a TURN server", () => {
  const settings = { urls: ["turn:turn.example.com:3478"], secret: "north", ttl: 3_600_000, anonymous: true };
  // printf 1700003600:alice | openssl dgst -sha1 -hmac north -binary | base64
  const made = { username: "1700003600:alice", credential: "wjwSXO2ch1B6VaLTLMy2Avn5O9o=" };

  test("are what coturn makes of the secret, and hold for the time to live", () => {
    expect(turnCredentials(settings, "alice", 1_700_000_000_000)).toEqual({ urls: settings.urls, ttl: 3600, ...made });
    expect(turnCredentials(settings, 'a";b\r\nc', 0).username).toBe("3600:a__b__c");
  });

  test("go with the 200 to a page that has shown its password, and to nobody else", () => {
    const authenticated = { user: "alice", realm: "example.com" };
    const header = `<${settings.urls[0]}>;username="${made.username}";credential="${made.credential}"`;
    const to = (transport: "wss" | "udp", who: typeof authenticated | undefined) =>
      turnHeaders(settings, { flow: new FakeFlow(transport), authenticated: who }, 1_700_000_000_000);
    expect(to("wss", authenticated)).toEqual([["Ice-Server", header]]);
    expect(to("udp", authenticated)).toEqual([]);
    expect(to("wss", undefined)).toEqual([]);
    const answer = `SIP/2.0 200 OK\r\nCSeq: 2 REGISTER\r\nIce-Server: ${header}\r\n\r\n`;
    expect(iceServersIn(answer)).toEqual([{ urls: settings.urls[0] ?? "", ...made }]);
    expect(masked(answer)).not.toContain(made.credential);
    expect(iceServersIn(answer.replace("REGISTER", "INVITE"))).toBeUndefined();
    expect(iceServersIn(answer.replace("200", "401"))).toBeUndefined();
  });

  test("are had by everybody only where the file says so", async () => {
    expect((await get("/turn.json")).status).toBe(404);
    const answer = await get("/turn.json", {}, { turn: () => turnCredentials(settings, "anonymous", Date.now()) });
    expect(answer.headers.get("cache-control")).toBe("no-store");
    expect(await answer.json()).toMatchObject({ username: expect.stringMatching(/^\d+:anonymous$/) });
  });

  test.each([
    ["{ secret: s }", "urls"],
    ['{ urls: ["turn:turn.example.com"] }', "secret"],
    ['{ urls: ["stun:turn.example.com"], secret: s }', "expected a server such as turn:"],
    ['{ urls: ["turn:turn.example.com"], secret: s, ttl: 1m }', "from 10m to 24h"],
  ])("%s is told to be wrong", async (turn, words) => {
    const read = await readConfig(
      Buffer.from(`listen: ws://127.0.0.1:0\npage: { turn: ${turn} }\n`),
      "/nowhere/siproc.yaml",
    );
    expect("problems" in read ? JSON.stringify(read.problems) : "").toContain(words);
  });
});

describe("what is typed", () => {
  test.each([
    ["echo", "sip:echo@example.com"],
    [" echo@pbx.example.net ", "sip:echo@pbx.example.net"],
    ["sip:ivr@192.0.2.1:5070;transport=tcp", "sip:ivr@192.0.2.1:5070;transport=tcp"],
    ["SIPS:ivr@example.net", "sips:ivr@example.net"],
    ["ivr@[2001:db8::1]:5060", "sip:ivr@[2001:db8::1]:5060"],
    ["+49 (30) 12-34", "sip:+49301234@example.com"],
    ["tel:+4930", "sip:+4930@example.com"],
    ["*98#", "sip:*98%23@example.com"],
    ["jürgen", "sip:j%C3%BCrgen@example.com"],
    ["", undefined],
    ["two words", undefined],
    ["a@b c", undefined],
    ["<sip:a@b>", undefined],
    ["a\r\nVia: x", undefined],
    ["a@host?Replaces=x", undefined],
    ["@example.com", undefined],
  ])("%p is %p", (typed, uri) => {
    expect(uriOf(typed, "example.com")).toBe(uri);
  });

  test("never brings more than one line into a URI, whatever it is", () => {
    const random = seeded(5);
    const until = performance.now() + 200;
    for (let n = 0; n < 20_000 && performance.now() < until; n++) {
      const typed = String.fromCharCode(...Array.from({ length: 1 + below(random, 40) }, () => below(random, 256)));
      const uri = uriOf(typed, "example.com");
      if (uri !== undefined) expect(uri).toMatch(/^sips?:[\x21-\x3b\x3d\x3f-\x7e]+$/);
    }
  });

  test.each([
    ["sip:echo@example.com", "echo"],
    ["sip:j%C3%BCrgen@example.net;x=y", "jürgen@example.net"],
    ["sip:%FF@example.com", "%FF"],
    ["sip:example.com", "example.com"],
  ])("%p is shown as %p", (uri, shown) => {
    expect(shownUri(uri, "example.com")).toBe(shown);
  });
});

describe("words for what happened", () => {
  test.each<[string, number | undefined, string]>([
    ["Busy", 486, "busy (486)"],
    ["SIP Failure Code", 418, "SIP Failure Code (418)"],
    ["Connection Error", undefined, "the connection to the server was lost"],
  ])("%p, %p: %p", (cause, status, words) => {
    expect(reasonOf(cause, status)).toBe(words);
  });

  test("a call that somebody ended needs none", () => expect(endOf("Terminated")).toBe(""));

  test.each<[number, number, number, string]>([
    [0, 2, 5, "good"],
    [0.08, 20, 150, "fair"],
    [0.4, 60, 500, "poor"],
  ])("loss of %p, jitter %p ms, round trip %p ms: %p", (lost, jitter, trip, words) => {
    const packets = 1000;
    const reports = [
      {
        ...{ type: "inbound-rtp", kind: "audio", packetsReceived: packets, jitter: jitter / 1000, codecId: "c" },
        packetsLost: Math.round((packets * lost) / (1 - lost)),
      },
      { type: "candidate-pair", nominated: true, state: "succeeded", currentRoundTripTime: trip / 1000 },
      { id: "c", mimeType: "audio/opus" },
    ];
    const judged = judge(reports, { packets: 0, lost: 0 });
    expect(String(judged?.quality.words)).toBe(words);
    expect(judged?.quality.codec).toBe("opus");
  });

  test("the score stays within its bounds", () => {
    expect(scoreOf(0, 0, 0)).toBeLessThanOrEqual(4.5);
    expect(scoreOf(1, 1e6, 1e6)).toBe(1);
  });
});

describe("page:", () => {
  const read = async (text: string) => {
    const loaded = await readConfig(Buffer.from(`listen: ws://127.0.0.1:0\n${text}`), "/nowhere/siproc.yaml");
    return loaded.ok ? loaded.config.page : loaded.problems.map(({ message }) => message).join("\n");
  };
  test("is there by default, and can be taken away", async () => {
    expect(await read("domains: [example.com]")).toMatchObject({ title: "siproc", to: [], domain: "example.com" });
    expect(await read("page: false")).toBeUndefined();
  });
  test.each([
    ["page: { frames: [https://a.example/path] }", "expected https://a.example"],
    ["page: { frames: ['*'] }", "an origin"],
    ["page: { to: ['two words'] }", "without spaces"],
    ["page: { ice: ['http://x'] }", "stun:stun.example.com"],
    ["page: true", "expected a map"],
  ])("%p is told", async (text, says) => {
    expect(await read(text)).toContain(says);
  });
});
