/** A relay's addresses in descriptions of others: what is exchanged, and that nothing else is touched. */
import { describe, expect, test } from "bun:test";
import { parseSdp, type SessionDescription } from "../../src/sip/sdp.ts";
import { type LineRewrite, rewriteSdp } from "../../src/sip/sdp-rewrite.ts";
import { below, pick, seeded } from "../support/random.ts";

const ports = (rtpPort: number): LineRewrite => ({ rtpPort, rtcpPort: rtpPort + 1 });
const rewritten = (sdp: string, host = "203.0.113.7", lines: LineRewrite[] = [ports(30_000), ports(30_002)]) =>
  Buffer.from(rewriteSdp(Buffer.from(sdp, "latin1"), host, lines)).toString("latin1");
const crlf = (...lines: string[]) => lines.map((line) => `${line}\r\n`).join("");

const head = ["v=0", "o=- 1 1 IN IP4 10.0.0.5", "s=-"];
interface Case {
  name: string;
  given: string[];
  expected: string[];
  host?: string;
  lines?: LineRewrite[];
}

const cases: Case[] = [
  {
    name: "the session's address and the m-line's port; o= and what else there is stay",
    given: [
      ...head,
      "c=IN IP4 10.0.0.5",
      "t=0 0",
      "m=audio 4000 RTP/AVP 0 101",
      "a=rtpmap:101 telephone-event/8000",
      "a=sendrecv",
    ],
    expected: [
      ...head,
      "c=IN IP4 203.0.113.7",
      "t=0 0",
      "m=audio 30000 RTP/AVP 0 101",
      "a=rtpmap:101 telephone-event/8000",
      "a=sendrecv",
    ],
  },
  {
    name: "each m-line's own address",
    given: [
      ...head,
      "t=0 0",
      "m=audio 4000 RTP/AVP 0",
      "c=IN IP4 10.0.0.5",
      "m=video 4002 RTP/AVP 96",
      "c=IN IP4 10.0.0.6/127",
    ],
    expected: [
      ...head,
      "t=0 0",
      "m=audio 30000 RTP/AVP 0",
      "c=IN IP4 203.0.113.7",
      "m=video 30002 RTP/AVP 96",
      "c=IN IP4 203.0.113.7",
    ],
  },
  {
    name: "another IP version",
    host: "2001:db8::7",
    given: [...head, "c=IN IP4 10.0.0.5", "m=audio 4000 RTP/AVP 0", "a=rtcp:4055 IN IP4 10.0.0.9"],
    expected: [...head, "c=IN IP6 2001:db8::7", "m=audio 30000 RTP/AVP 0", "a=rtcp:30001 IN IP6 2001:db8::7"],
  },
  {
    name: "a=rtcp keeps its form",
    given: [...head, "c=IN IP4 10.0.0.5", "m=audio 4000 RTP/AVP 0", "a=rtcp:4055"],
    expected: [...head, "c=IN IP4 203.0.113.7", "m=audio 30000 RTP/AVP 0", "a=rtcp:30001"],
  },
  {
    name: "port 0 stays, with its address",
    given: [...head, "c=IN IP4 10.0.0.5", "m=audio 0 RTP/AVP 0", "c=IN IP4 10.0.0.9", "m=video 4002 RTP/AVP 96"],
    expected: [...head, "c=IN IP4 203.0.113.7", "m=audio 0 RTP/AVP 0", "c=IN IP4 10.0.0.9", "m=video 30002 RTP/AVP 96"],
  },
  {
    name: "hold by zeros stays hold",
    given: [...head, "c=IN IP4 0.0.0.0", "m=audio 4000 RTP/AVP 0"],
    expected: [...head, "c=IN IP4 0.0.0.0", "m=audio 30000 RTP/AVP 0"],
  },
  {
    name: "hold by zeros in another IP version",
    host: "2001:db8::7",
    given: [...head, "c=IN IP4 10.0.0.1", "m=audio 4000 RTP/AVP 0", "c=IN IP4 0.0.0.0"],
    expected: [...head, "c=IN IP6 2001:db8::7", "m=audio 30000 RTP/AVP 0", "c=IN IP6 ::"],
  },
  {
    name: "no ports left for it: refused",
    lines: [ports(30_000), "refuse"],
    given: [...head, "c=IN IP4 10.0.0.5", "m=audio 4000 RTP/AVP 0", "m=video 4002 RTP/AVP 96", "a=sendonly"],
    expected: [...head, "c=IN IP4 203.0.113.7", "m=audio 30000 RTP/AVP 0", "m=video 0 RTP/AVP 96", "a=sendonly"],
  },
  {
    name: "what goes over TCP keeps the address that the session had",
    lines: [ports(30_000), "keep"],
    given: [
      ...head,
      "c=IN IP4 10.0.0.5",
      "m=audio 4000 RTP/AVP 0",
      "m=message 7654 TCP/MSRP *",
      "a=path:msrp://10.0.0.5:7654/x;tcp",
    ],
    expected: [
      ...head,
      "c=IN IP4 203.0.113.7",
      "m=audio 30000 RTP/AVP 0",
      "m=message 7654 TCP/MSRP *",
      "c=IN IP4 10.0.0.5",
      "a=path:msrp://10.0.0.5:7654/x;tcp",
    ],
  },
  {
    name: "candidates and ICE go",
    given: [
      ...head,
      "a=ice-lite",
      "c=IN IP4 10.0.0.5",
      "m=audio 4000 RTP/AVP 0",
      "a=ice-ufrag:abcd",
      "a=ice-pwd:0123456789012345678901",
      "a=candidate:1 1 UDP 2130706431 10.0.0.5 4000 typ host",
      "a=candidate:1 2 UDP 2130706430 10.0.0.5 4001 typ host",
      "a=sendrecv",
    ],
    expected: [...head, "c=IN IP4 203.0.113.7", "m=audio 30000 RTP/AVP 0", "a=sendrecv"],
  },
  {
    name: "a browser keeps its credentials and gets one candidate",
    given: [
      ...head,
      "a=group:BUNDLE 0",
      "m=audio 9 UDP/TLS/RTP/SAVPF 111",
      "c=IN IP4 0.0.0.0",
      "a=rtcp:9 IN IP4 0.0.0.0",
      "a=candidate:7 1 udp 2113937151 abc.local 52000 typ host",
      "a=ice-ufrag:abcd",
      "a=ice-pwd:0123456789012345678901",
      "a=setup:actpass",
      "a=rtcp-mux",
    ],
    expected: [
      ...head,
      "a=group:BUNDLE 0",
      "m=audio 30000 UDP/TLS/RTP/SAVPF 111",
      "c=IN IP4 203.0.113.7",
      "a=rtcp:30001 IN IP4 203.0.113.7",
      "a=ice-ufrag:abcd",
      "a=ice-pwd:0123456789012345678901",
      "a=setup:actpass",
      "a=rtcp-mux",
      "a=candidate:1 1 UDP 2130706431 203.0.113.7 30000 typ host",
    ],
  },
  {
    name: "an m-line without any address gets one",
    given: [...head, "m=audio 4000 RTP/AVP 0", "a=sendrecv"],
    expected: [...head, "m=audio 30000 RTP/AVP 0", "c=IN IP4 203.0.113.7", "a=sendrecv"],
  },
  {
    name: "fax over UDP",
    given: [...head, "c=IN IP4 10.0.0.5", "m=image 4000 udptl t38", "a=T38FaxVersion:0"],
    expected: [...head, "c=IN IP4 203.0.113.7", "m=image 30000 udptl t38", "a=T38FaxVersion:0"],
  },
  {
    name: "many ports for one m-line become one",
    given: [...head, "c=IN IP4 10.0.0.5", "m=audio 4000/2 RTP/AVP 0"],
    expected: [...head, "c=IN IP4 203.0.113.7", "m=audio 30000 RTP/AVP 0"],
  },
];

describe("a description on its way through a relay", () => {
  test.each(cases)("$name", ({ given, expected, host, lines }) => {
    expect(rewritten(crlf(...given), host, lines)).toBe(crlf(...expected));
  });

  test("line ends of all kinds, and none at the end, stay as they came", () => {
    expect(rewritten("v=0\no=x\rc=IN IP4 1.2.3.4 \n\nm=audio  4000 RTP/AVP 0\na=rtcp:5\na=x:\xe4")).toBe(
      "v=0\no=x\rc=IN IP4 203.0.113.7 \n\nm=audio  30000 RTP/AVP 0\na=rtcp:30001\na=x:\xe4",
    );
    expect(rewritten("v=0\nm=audio 4000 RTP/AVP 0")).toBe("v=0\nm=audio 30000 RTP/AVP 0\r\nc=IN IP4 203.0.113.7");
  });
});

describe("whatever strangers write", () => {
  const words = [
    "v=0",
    "c=IN IP4 10.0.0.1",
    "c=IN IP6 fd00::1",
    "c=IN IP4 0.0.0.0",
    "c=IN IP4 host.example",
    "m=audio 4000 RTP/AVP 0 8",
    "m=video 0 RTP/AVP 96",
    "m=video 4002/3 RTP/SAVP 96",
    "m=image 5000 udptl t38",
    "m=audio 70000 RTP/AVP 0",
    "m=audio 9 UDP/TLS/RTP/SAVPF 111",
    "a=rtcp:4001",
    "a=rtcp:4001 IN IP4 10.0.0.2",
    "a=rtcp-mux",
    "a=candidate:1 1 UDP 1 10.0.0.1 4000 typ host",
    "a=ice-ufrag:x",
    "a=end-of-candidates",
    "a=sendonly",
    "a=inactive",
    "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:abc",
    "a=rtpmap:0 PCMU/8000",
    "a=mid:0",
    "o=- 1 1 IN IP4 10.0.0.1",
    "s=x",
    "",
    "a=",
    "m",
  ];
  const ends = ["\r\n", "\n", "\r", " \r\n", "\r\r\n"];
  /** What must not change, of what the parser sees. */
  const essence = ({ media }: SessionDescription) =>
    media.map(({ connection: _, iceDtls: __, rtcp, port, ...rest }) => ({
      ...rest,
      rtcp: rtcp !== undefined,
      used: port > 0,
    }));

  test("what the parser reads is the same but for the addresses (20,000 descriptions)", () => {
    const random = seeded(11);
    const began = performance.now();
    let relayed = 0;
    for (let round = 0; round < 20_000; round++) {
      let text = "v=0\r\n";
      for (let n = below(random, 14); n > 0; n--) text += pick(random, words) + pick(random, ends);
      const before = parseSdp(text);
      if ("failure" in before) continue;
      const host = pick(random, ["203.0.113.7", "2001:db8::7"]);
      const lines = before.media.map((_, i) => ports(30_000 + 2 * i));
      const after = parseSdp(rewritten(text, host, lines));
      if ("failure" in after) throw new TypeError(`${JSON.stringify(text)}: ${after.failure}`);
      expect(essence(after)).toEqual(essence(before));
      expect(after.origin).toEqual(before.origin);
      for (const [i, { port, connection, rtcp }] of after.media.entries()) {
        if (port === 0) continue;
        relayed++;
        expect(port).toBe(30_000 + 2 * i);
        expect(["0.0.0.0", "::", host]).toContain(connection?.host ?? "");
        if (rtcp !== undefined) expect(rtcp.port).toBe(30_001 + 2 * i);
        if (rtcp?.connection !== undefined) expect(rtcp.connection.host).toBe(host);
      }
    }
    expect(relayed).toBeGreaterThan(5_000);
    expect(performance.now() - began).toBeLessThan(15_000);
  });

  test("any octets at all are borne, in linear time", () => {
    const random = seeded(12);
    for (let round = 0; round < 2_000; round++) {
      const octets = Uint8Array.from({ length: below(random, 200) }, () =>
        pick(random, [10, 13, 61, 97, 99, 109, 32, 48, 200, 0]),
      );
      rewriteSdp(octets, "203.0.113.7", [ports(30_000), "refuse", "keep"]);
    }
    const began = performance.now();
    for (const line of [
      "a=ice-ufrag:x\r\n",
      "m=audio 1 RTP/AVP 0\r\n",
      "\r",
      "c=IN IP4 1.1.1.1\n",
      `m=${"1".repeat(16_000)}`,
    ])
      rewritten(line.repeat(Math.ceil(32_768 / line.length)));
    expect(performance.now() - began).toBeLessThan(1_000);
  });
});
