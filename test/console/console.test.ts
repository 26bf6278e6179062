/** What the console's files are served with, and the parts of its script that need no browser. */
import { describe, expect, test } from "bun:test";
import { clock, measure, octets, percent, shortUri, span } from "../../src/console/client/format.ts";
import { ladderOf, lines } from "../../src/console/client/ladder/model.ts";
import { EventParser } from "../../src/console/client/server-events.ts";
import { readMessage } from "../../src/console/client/sip.ts";
import { inSight, rowByKey, scrollTo } from "../../src/console/client/ui/window.ts";
import { commandOf, wordsOf } from "../../src/console/client/vocabulary.ts";
import { Console } from "../../src/console/index.ts";
import type { CapturedMessage } from "../../src/control/capture/capture.ts";
import { below, seeded } from "../support/random.ts";

describe("the console's files", () => {
  const get = async (path: string, init: RequestInit = {}) => {
    const url = new URL(path, "https://127.0.0.1:8082");
    return await new Console().answer(new Request(url.href, init), url);
  };

  test("forbid frames, inline scripts and styles, and connections elsewhere", async () => {
    const found = await get("/");
    const policy = found?.headers.get("content-security-policy") ?? "";
    expect(policy).toContain("default-src 'none'; script-src 'self'; style-src 'self'");
    expect(policy).toContain("connect-src 'self';");
    expect(policy).toContain("frame-ancestors 'none'");
    expect(policy).not.toContain("unsafe");
    expect(found?.headers.get("x-frame-options")).toBe("DENY");
    expect(await found?.text()).not.toMatch(/<script(?![^>]* src=)|<style|style="| on\w+="/);
  });

  test.each([
    ["GET", "/", 200],
    ["HEAD", "/console.css", 200],
    ["POST", "/", 405],
    ["GET", "/licences.txt", 200],
  ])("%s %p gets %p", async (method, path, status) => {
    expect((await get(path, { method }))?.status).toBe(status);
  });

  test.each(["/v1/status", "/console.tsx", "/../package.json", `/${"x".repeat(3000)}`, "/__proto__"])(
    "%p is left to others",
    async (path) => {
      expect(await get(path)).toBeUndefined();
    },
  );
});

describe("server-sent events", () => {
  const read = (...texts: string[]) => {
    const parser = new EventParser();
    return texts.flatMap((text) => parser.take(text));
  };

  test("are read however they are cut", () => {
    const text =
      ': hello\nretry: 2000\n\nid: 7\nevent: call.began\ndata: {"a":1,\ndata:"b":2}\n\r\nid: 8\r\ndata: x\r\n\r\n';
    const whole = [
      { id: "7", type: "call.began", text: '{"a":1,\n"b":2}' },
      { id: "8", type: "message", text: "x" },
    ];
    const random = seeded(11);
    expect(read(text)).toEqual(whole);
    for (let n = 0; n < 200; n++) {
      const parts: string[] = [];
      for (let at = 0; at < text.length; ) {
        const size = 1 + below(random, 9);
        parts.push(text.slice(at, at + size));
        at += size;
      }
      expect(read(...parts)).toEqual(whole);
    }
  });

  test("that never end are given up, and what is none makes no event", () => {
    expect(() =>
      read(
        "data: ",
        ..."x"
          .repeat(2000)
          .split("")
          .map(() => "y".repeat(1000)),
      ),
    ).toThrow(RangeError);
    const random = seeded(12);
    const until = performance.now() + 200;
    for (let n = 0; n < 20_000 && performance.now() < until; n++) {
      const text = String.fromCharCode(...Array.from({ length: below(random, 60) }, () => below(random, 128)));
      for (const event of read(text, "\n\n")) expect(typeof event.text).toBe("string");
    }
  });
});

describe("the ladder", () => {
  const message = (id: number, more: Partial<CapturedMessage>): CapturedMessage => ({
    ...{ id, at: 1000 * id, direction: "received", transport: "udp", callId: "c", users: [] },
    local: { host: "192.0.2.1", port: 5060 },
    remote: { host: "192.0.2.9", port: 5060 },
    ...{ summary: "INVITE sip:b@x", method: "INVITE", status: undefined, text: `${id}` },
    ...more,
  });
  const callee = { host: "2001:db8::5", port: 5061 };

  test("has who began on the left, us, and whom we turned to on the right", () => {
    const { parties, steps } = ladderOf([
      message(1, { text: "INVITE\r\nContent-Type: application/sdp\r\n\r\nv=0" }),
      message(2, { direction: "sent", remote: callee, transport: "tls" }),
      message(3, { remote: callee, transport: "tls", status: 486, summary: "486 Busy Here" }),
      message(4, { direction: "sent", status: 180, summary: "180 Ringing" }),
      message(5, { direction: "sent", status: 180, summary: "180 Ringing", text: "4" }),
      message(6, { method: "BYE", status: 200, summary: "200 OK" }),
    ]);
    expect(parties.map(({ label }) => label)).toEqual(["192.0.2.9:5060", "siproc", "[2001:db8::5]:5061"]);
    expect(steps.map(({ from, to, label, kind, again, sdp }) => [from, to, label, kind, again, sdp])).toEqual([
      [0, 1, "INVITE", "request", false, true],
      [1, 2, "INVITE", "request", false, false],
      [2, 1, "486 Busy Here", "failure", false, false],
      [1, 0, "180 Ringing", "provisional", false, false],
      [1, 0, "180 Ringing", "provisional", true, false],
      [0, 1, "200 OK (BYE)", "success", false, false],
    ]);
  });

  test("begins with us where we call, and is nothing where there is nothing", () => {
    expect(ladderOf([message(1, { direction: "sent" })]).parties[0]?.key).toBe("siproc");
    expect(ladderOf([]).steps).toEqual([]);
    expect(lines(3, 100, 400)).toEqual([150, 250, 350]);
  });
});

describe("a message for reading", () => {
  test("has its headers one by one, and its body", () => {
    const octets = Buffer.from(
      "INVITE sip:b SIP/2.0\r\nSubject: grün\r\n und mehr\r\nno header\r\n\r\nv=0\r\n",
    ).toString("latin1");
    expect(readMessage(octets)).toEqual({
      start: "INVITE sip:b SIP/2.0",
      headers: [{ name: "Subject", value: "grün\n und mehr\nno header" }],
      body: "v=0\r\n",
    });
  });

  test("is read whatever it is", () => {
    const random = seeded(13);
    const until = performance.now() + 200;
    for (let n = 0; n < 20_000 && performance.now() < until; n++) {
      const octets = String.fromCharCode(...Array.from({ length: below(random, 80) }, () => below(random, 256)));
      expect(readMessage(octets).headers.length).toBeLessThan(80);
    }
  });
});

describe("a list of which only what is in sight exists", () => {
  const extent = { rows: 1000, height: 30 };
  test.each([
    [0, { first: 0, end: 28 }],
    [15_000, { first: 492, end: 528 }],
    [29_400, { first: 972, end: 1000 }],
    [99_000, { first: 1000, end: 1000 }],
  ])("at %p pixels draws %p", (top, drawn) => {
    expect(inSight(extent, top, 600)).toEqual(drawn);
  });
  test("draws nothing of nothing", () =>
    expect(inSight({ rows: 0, height: 30 }, 0, 600)).toEqual({ first: 0, end: 0 }));
  test.each([
    [5, 0, 0],
    [5, 600, 150],
    [30, 0, 330],
  ])("scrolls to row %p from %p by as little as is needed: %p", (row, top, to) => {
    expect(scrollTo(extent, row, top, 600)).toBe(to);
  });
  test.each([
    ["ArrowDown", -1, 0],
    ["ArrowUp", 0, 0],
    ["PageDown", 990, 999],
    ["End", 3, 999],
    ["a", 3, undefined],
  ])("%p at row %p leads to %p", (key, active, next) => {
    expect(rowByKey(key, active, 1000, 20)).toBe(next);
  });
});

describe("the vocabulary", () => {
  const shape = {
    description: "Plays.",
    properties: {
      command: { const: "PLAY" },
      file: { type: "string", description: "What." },
      loop: { type: "boolean" },
      volume: { type: "number" },
    },
    required: ["command", "file"],
  };
  const content = { "application/json": { schema: { anyOf: [shape, { properties: {} }, null] } } };
  const document = { paths: { "/v1/calls/{id}/commands": { post: { requestBody: { content } } } } };

  test("comes from the API's document", () => {
    const [play, ...others] = wordsOf(document);
    expect(others).toEqual([]);
    expect(play?.args.map(({ name, kind, required }) => [name, kind, required])).toEqual([
      ["file", "text", true],
      ["loop", "flag", false],
      ["volume", "number", false],
    ]);
    const typed: Readonly<Record<string, string>> = { file: "a.wav", loop: "yes", volume: "" };
    expect(play && commandOf(play, (name) => typed[name] ?? "")).toEqual({
      command: "PLAY",
      file: "a.wav",
      loop: true,
    });
  });
  test.each([[undefined], [null], [{ paths: 7 }], ["x"]])("of %p is empty", (document) => {
    expect(wordsOf(document)).toEqual([]);
  });
});

describe("what people read", () => {
  test.each<[string, string]>([
    [clock(7), "0:07"],
    [clock(3723), "1:02:03"],
    [span(89), "89 s"],
    [span(3600 * 3 + 1200), "3 h 20 min"],
    [span(86_400 * 3), "3 d"],
    [measure(0.4213, " ms"), "0.42 ms"],
    [measure(undefined), "–"],
    [percent(0.0004), "0.04 %"],
    [percent(1), "100 %"],
    [octets(182_400_000), "182 MB"],
    [shortUri("sip:alice@example.com;transport=tcp"), "alice@example.com"],
    [shortUri("tel:+49"), "tel:+49"],
  ])("%p is %p", (shown, expected) => expect(shown).toBe(expected));
});
