import { describe, expect, test } from "bun:test";
import {
  formatSdp,
  type MediaDescription,
  maxMediaLines,
  maxSdpSize,
  parseSdp,
  type SdpFailure,
  type SessionDescription,
} from "../../src/sip/sdp.ts";
import { dataBytes } from "../support/data.ts";
import { below, pick, seeded } from "../support/random.ts";

const sdp = (...lines: string[]) => `${lines.join("\r\n")}\r\n`;
const head = ["v=0", "o=- 1 1 IN IP4 192.0.2.1", "s=-", "c=IN IP4 192.0.2.1", "t=0 0"];

function parsed(text: string | Uint8Array): SessionDescription {
  const result = parseSdp(text);
  if ("failure" in result) throw new TypeError(result.failure);
  return result;
}

function firstMedia(...lines: string[]): MediaDescription {
  const [media] = parsed(sdp(...head, ...lines)).media;
  if (media === undefined) throw new TypeError("no media");
  return media;
}

describe("a session description is read", () => {
  test("with all that a call uses", () => {
    const offer = sdp(
      "v=0",
      "o=alice 2890844526 2890844527 IN IP6 2001:db8::1",
      "s=A call",
      "c=IN IP4 192.0.2.10",
      "t=0 0",
      "a=sendonly",
      "m=audio 49170 RTP/AVP 0 18 101",
      "b=AS:80",
      "a=rtpmap:101 telephone-event/8000",
      "a=fmtp:18 annexb=no",
      "a=fmtp:101 0-16",
      "a=ptime:30",
      "a=maxptime:60",
      "a=rtcp:53020 IN IP4 192.0.2.11",
      "a=rtcp-mux",
      "a=mid:0",
      "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:abc",
      "m=video 5000/2 RTP/AVPF 98",
      "c=IN IP6 2001:db8::2",
      "a=inactive",
    );
    const connection = { family: "ipv4", host: "192.0.2.10" } as const;
    const pcmu = { payloadType: 0, encoding: "PCMU", clockRate: 8000, channels: 1, fmtp: undefined };
    expect(parsed(offer)).toEqual({
      origin: {
        username: "alice",
        sessionId: "2890844526",
        version: "2890844527",
        connection: { family: "ipv6", host: "2001:db8::1" },
      },
      name: "A call",
      connection,
      media: [
        {
          kind: "audio",
          port: 49170,
          protocol: "RTP/AVP",
          formats: ["0", "18", "101"],
          payloads: [
            pcmu,
            { payloadType: 18, encoding: "G729", clockRate: 8000, channels: 1, fmtp: "annexb=no" },
            { payloadType: 101, encoding: "TELEPHONE-EVENT", clockRate: 8000, channels: 1, fmtp: "0-16" },
          ],
          connection,
          direction: "sendonly",
          ptime: 30,
          maxptime: 60,
          rtcp: { port: 53020, connection: { family: "ipv4", host: "192.0.2.11" } },
          rtcpMux: true,
          mid: "0",
          crypto: ["1 AES_CM_128_HMAC_SHA1_80 inline:abc"],
        },
        {
          kind: "video",
          port: 5000,
          protocol: "RTP/AVPF",
          formats: ["98"],
          payloads: [{ payloadType: 98, encoding: "", clockRate: 0, channels: 1, fmtp: undefined }],
          connection: { family: "ipv6", host: "2001:db8::2" },
          direction: "inactive",
          ptime: undefined,
          maxptime: undefined,
          rtcp: undefined,
          rtcpMux: false,
          mid: undefined,
          crypto: [],
        },
      ],
    });
  });

  const audio = "m=audio 5004 RTP/AVP 0";
  const tolerated: [what: string, text: string][] = [
    ["bare LF", [...head, audio].join("\n")],
    ["bare CR", [...head, audio].join("\r")],
    ["a mixture of line ends and empty lines", `\n${head.join("\r\n")}\r\n\n${audio}\r`],
    ["no o=, s= and t=", sdp("v=0", "c=IN IP4 192.0.2.1", audio)],
    ["an o= of another shape", sdp("v=0", "o=nonsense", "c=IN IP4 192.0.2.1", audio)],
    ["space at line ends and within the m-line", sdp(...head, "m=audio  5004 RTP/AVP 0 ")],
    ["lines that no standard knows", sdp(...head, "Hello: you", audio, "q=1", "a", "a=", "a=fmtp", "a=fmtp:")],
    ["octets beyond ASCII where they mean nothing", sdp(...head, "i=G\u00e4ste", audio)],
    ["a host name", sdp("v=0", "c=IN IP4 host.example.com", audio)],
    [
      "attributes called like what each object has",
      sdp(...head, audio, "a=__proto__:1", "a=constructor:2", "a=toString"),
    ],
  ];
  test.each(tolerated)("tolerating %s", (_what, text) => {
    const { media } = parsed(text);
    expect(media.map(({ kind, port }) => [kind, port])).toEqual([["audio", 5004]]);
    expect(Object.hasOwn(Object.prototype, "1")).toBe(false);
  });

  test("as latin-1 when it comes as octets", () => {
    expect(parsed(Buffer.from("v=0\r\ns=Z\xfcrich\r\n", "latin1")).name).toBe("Z\xfcrich");
  });

  test("with a multicast address without its TTL", () => {
    const { connection } = parsed(sdp("v=0", "c=IN IP4 224.2.1.1/127/3"));
    expect(connection).toEqual({ family: "ipv4", host: "224.2.1.1" });
  });

  test("taking an address for what it is rather than what the line says", () => {
    expect(parsed(sdp("v=0", "c=IN IP4 2001:db8::1")).connection?.family).toBe("ipv6");
    expect(parsed(sdp("v=0", "c=IN IP6 192.0.2.1")).connection?.family).toBe("ipv4");
  });

  const payloads: [line: string, encoding: string, clockRate: number, channels: number][] = [
    ["a=rtpmap:0 pcmu/8000", "PCMU", 8000, 1],
    ["a=rtpmap:0 PCMU/8000/1", "PCMU", 8000, 1],
    ["a=rtpmap:0 opus/48000/2", "OPUS", 48000, 2],
    ["a=rtpmap:0 iLBC", "ILBC", 0, 1],
    ["a=rtpmap:0 x/4294967296000000000000", "X", 4294967296000000000000, 1],
    ["a=rtpmap:4294967296 EVIL/8000", "PCMU", 8000, 1],
    ["a=rtpmap:-1 EVIL/8000", "PCMU", 8000, 1],
    ["a=rtpmap: 0 EVIL/8000", "PCMU", 8000, 1],
    ["a=rtpmap:0", "PCMU", 8000, 1],
  ];
  test.each(payloads)("payload type 0 after %s", (line, encoding, clockRate, channels) => {
    expect(firstMedia(audio, line).payloads).toEqual([
      { payloadType: 0, encoding, clockRate, channels, fmtp: undefined },
    ]);
  });

  const packetLengths: [value: string, ptime: number | undefined][] = [
    ["20", 20],
    ["20.5", 20],
    ["0", undefined],
    ["-20", undefined],
    ["1e9", 1],
    ["99999999999999999999", undefined],
    ["x", undefined],
  ];
  test.each(packetLengths)("ptime %s", (value, ptime) => {
    expect(firstMedia(audio, `a=ptime:${value}`).ptime).toBe(ptime);
  });

  test("with a port beyond 65535 as an unusable stream (RFC 4475 §3.1.1.1 has one)", () => {
    expect(firstMedia("m=audio 492170 RTP/AVP 0").port).toBe(0);
  });

  test("keeping each payload type once", () => {
    expect(firstMedia("m=audio 5004 RTP/AVP 0 0 8 0").payloads.map((p) => p.payloadType)).toEqual([0, 8]);
  });
});

describe("a session description is refused", () => {
  const hostile: [what: string, text: string][] = [
    ["empty", ""],
    ["only empty lines", "\r\n\r\n"],
    ["no SDP", "Hello, world"],
    ["of another version", sdp("v=1", ...head.slice(1))],
    ["without v= first", sdp(...head.slice(1), "v=0")],
    ["with a NUL", sdp(...head, "m=audio 5004 RTP/AVP 0\0")],
    ["too long", `v=0\r\n${"a=x\r\n".repeat(maxSdpSize)}`],
    ["with too many m-lines", sdp(...head, ...Array<string>(maxMediaLines + 1).fill("m=audio 0 RTP/AVP 0"))],
    ["with too many formats", sdp(...head, `m=audio 5004 RTP/AVP${" 0".repeat(129)}`)],
    ["with a long m-line", sdp(...head, `m=audio 5004 udp ${"x".repeat(2000)}`)],
    ["with payload type 128", sdp(...head, "m=audio 5004 RTP/AVP 0 128")],
    ["with payload type 4294967296", sdp(...head, "m=audio 5004 RTP/AVP 4294967296")],
    ["with a negative payload type", sdp(...head, "m=audio 5004 RTP/AVP -1")],
    ["with a payload type in words", sdp(...head, "m=audio 5004 RTP/AVP PCMU")],
    ["with an m-line without port", sdp(...head, "m=audio RTP/AVP 0")],
    ["with a negative port", sdp(...head, "m=audio -5004 RTP/AVP 0")],
    ["with an m-line without protocol", sdp(...head, "m=audio 5004")],
    ["with an m-line of control characters", sdp(...head, "m=audio 5004 RTP/AVP\t0")],
    ["with another network type", sdp("v=0", "c=AF IP4 192.0.2.1")],
    ["with another address type", sdp("v=0", "c=IN IP7 192.0.2.1")],
    ["with an address that is none", sdp("v=0", "c=IN IP4 999.0.2.1")],
    ["with a short address", sdp("v=0", "c=IN IP4 127.1")],
    ["with an address as one number", sdp("v=0", "c=IN IP4 2130706433")],
    ["with a broken IPv6 address", sdp("v=0", "c=IN IP6 2001:db8:::::1")],
    ["with an address that is a command", sdp("v=0", "c=IN IP4 $(reboot)")],
    ["with an endless host name", sdp("v=0", `c=IN IP4 ${"a".repeat(256)}`)],
    ["with c= without address", sdp("v=0", "c=IN IP4")],
    ["with a bad c= in an m-line", sdp(...head, "m=audio 5004 RTP/AVP 0", "c=IN IP4 *")],
  ];
  test.each(hostile)("%s", (_what, text) => {
    expect(parseSdp(text)).toEqual({ failure: expect.any(String) });
  });
});

test("what is written reads as what was meant", () => {
  const text = sdp(
    "v=0",
    "o=- 12 3 IN IP4 192.0.2.1",
    "s=-",
    "c=IN IP4 192.0.2.1",
    "t=0 0",
    "m=video 0 RTP/AVP 31",
    "m=audio 4000 RTP/AVP 8 96",
    "c=IN IP6 2001:db8::5",
    "a=rtpmap:8 PCMA/8000",
    "a=rtpmap:96 telephone-event/8000",
    "a=fmtp:96 0-16",
    "a=ptime:20",
    "a=rtcp:4007",
    "a=rtcp-mux",
    "a=recvonly",
  );
  expect(formatSdp(parsed(text))).toBe(text);
});

describe("whatever comes", () => {
  const seeds = [
    dataBytes("sdp-transform", "jsep.sdp"),
    dataBytes("sdp-transform", "normal.sdp"),
    dataBytes("resiprocate", "sdp", "testSdp_cxx-L602.sdp"),
    Buffer.from(sdp(...head, "m=audio 5004 RTP/AVP 0 101", "a=rtpmap:101 telephone-event/8000", "a=fmtp:101 0-16")),
  ];
  const scraps = [
    "m=",
    "c=",
    "a=rtpmap:",
    "a=rtcp:",
    "/",
    " ",
    "\r",
    "\n",
    "\0",
    ":",
    "4294967296",
    "IN IP6 ::",
    "v=0\r\n",
  ];

  test("parsing ends with a description within bounds or a failure", () => {
    const random = seeded(20_260_101);
    for (let round = 0; round < 6000; round++) {
      let text = Buffer.from(pick(random, seeds)).toString("latin1");
      for (let edits = below(random, 8); edits >= 0; edits--) {
        const at = below(random, text.length + 1);
        const scrap = random() < 0.5 ? pick(random, scraps) : String.fromCharCode(below(random, 256));
        text = text.slice(0, at) + scrap + text.slice(at + below(random, 12));
      }
      const result: SessionDescription | SdpFailure = parseSdp(Buffer.from(text, "latin1"));
      if ("failure" in result) {
        expect(result.failure).not.toBe("");
        continue;
      }
      for (const media of result.media) {
        expect(media.port >= 0 && media.port <= 65535).toBe(true);
        for (const { payloadType } of media.payloads) expect(payloadType >= 0 && payloadType <= 127).toBe(true);
        expect(`${media.kind}${media.protocol}${media.formats.join("")}`).toMatch(/^[\x21-\x7e]*$/);
      }
    }
  });

  test("the largest description is read in a few milliseconds", () => {
    const payloads = Array.from({ length: 128 }, (_, type) => type).join(" ");
    let text = sdp(...head, `m=audio 5004 RTP/AVP ${payloads}`);
    while (text.length < maxSdpSize - 20) text += "a=rtpmap:127 X/1\r\n";
    const before = performance.now();
    parsed(text);
    expect(performance.now() - before).toBeLessThan(50);
  });
});
