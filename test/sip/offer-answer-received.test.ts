/** Offers that come from the peer: what we answer, and what we refuse. */
import { describe, expect, test } from "bun:test";
import type { Direction } from "../../src/sip/sdp.ts";
import { answerTo, lines, local, mediaLines, party, plain, sdpOf, theirs, versionOf } from "./offer-answer-parties.ts";

describe("an answer", () => {
  test("says what we take of the offer", () => {
    const { sdp, negotiated } = answerTo(plain);
    expect(lines(sdp)).toEqual([
      "v=0",
      "o=- 42 1 IN IP4 192.0.2.1",
      "s=-",
      "c=IN IP4 192.0.2.1",
      "t=0 0",
      "m=audio 10000 RTP/AVP 0 101",
      "a=rtpmap:0 PCMU/8000",
      "a=rtpmap:101 telephone-event/8000",
      "a=fmtp:101 0-16",
      "a=ptime:20",
      "a=sendrecv",
      "",
    ]);
    expect(negotiated).toEqual({
      remote: { host: "198.51.100.9", port: 4000, rtcpPort: 4001, family: "ipv4" },
      codec: "PCMU",
      payloadType: 0,
      receivePayloadTypes: [{ payloadType: 0, codec: "PCMU" }],
      dtmfPayloadType: 101,
      dtmfReceivePayloadType: 101,
      direction: "sendrecv",
      remoteHold: false,
      ptime: 20,
      rtcpMux: false,
      protocol: "RTP/AVP",
    });
  });

  const formats: [what: string, media: string[], mLine: string, negotiated: object][] = [
    ["takes the offerer's first codec", ["m=audio 4000 RTP/AVP 8 0"], "m=audio 10000 RTP/AVP 8", { codec: "PCMA" }],
    [
      "skips codecs that are not ours",
      ["m=audio 4000 RTP/AVP 96 18 9 8", "a=rtpmap:96 opus/48000/2"],
      "m=audio 10000 RTP/AVP 8",
      { codec: "PCMA", payloadType: 8 },
    ],
    [
      "takes a dynamic type for a codec with a static one",
      ["m=audio 4000 RTP/AVP 97", "a=rtpmap:97 pcma/8000"],
      "m=audio 10000 RTP/AVP 97",
      { codec: "PCMA", payloadType: 97 },
    ],
    [
      "believes an rtpmap over the static meaning",
      ["m=audio 4000 RTP/AVP 0", "a=rtpmap:0 PCMA/8000"],
      "m=audio 10000 RTP/AVP 0",
      { codec: "PCMA", payloadType: 0 },
    ],
    [
      "takes the telephone-event with the codec's clock, under the offerer's number",
      ["m=audio 4000 RTP/AVP 0 96 97", "a=rtpmap:96 telephone-event/16000", "a=rtpmap:97 telephone-event/8000"],
      "m=audio 10000 RTP/AVP 0 97",
      { dtmfPayloadType: 97, dtmfReceivePayloadType: 97 },
    ],
    [
      "leaves out telephone-event when it is not offered",
      ["m=audio 4000 RTP/AVP 0"],
      "m=audio 10000 RTP/AVP 0",
      { dtmfPayloadType: undefined },
    ],
    ["accepts RTP/AVPF as it came", ["m=audio 4000 RTP/AVPF 0"], "m=audio 10000 RTP/AVPF 0", {}],
    [
      "sends packets as long as asked",
      ["m=audio 4000 RTP/AVP 0", "a=ptime:30"],
      "m=audio 10000 RTP/AVP 0",
      { ptime: 30 },
    ],
    ["but not too long", ["m=audio 4000 RTP/AVP 0", "a=ptime:400"], "m=audio 10000 RTP/AVP 0", { ptime: 60 }],
    ["nor in odd lengths", ["m=audio 4000 RTP/AVP 0", "a=ptime:25"], "m=audio 10000 RTP/AVP 0", { ptime: 20 }],
    ["nor too short", ["m=audio 4000 RTP/AVP 0", "a=ptime:1"], "m=audio 10000 RTP/AVP 0", { ptime: 10 }],
    ["nor over maxptime", ["m=audio 4000 RTP/AVP 0", "a=maxptime:10"], "m=audio 10000 RTP/AVP 0", { ptime: 10 }],
    [
      "sends RTCP where RFC 3605 says",
      ["m=audio 4000 RTP/AVP 0", "a=rtcp:5555"],
      "m=audio 10000 RTP/AVP 0",
      { remote: { host: "198.51.100.9", port: 4000, rtcpPort: 5555, family: "ipv4" } },
    ],
    [
      "multiplexes RTCP when offered",
      ["m=audio 4000 RTP/AVP 0", "a=rtcp-mux", "a=rtcp:5555"],
      "m=audio 10000 RTP/AVP 0",
      { rtcpMux: true, remote: { host: "198.51.100.9", port: 4000, rtcpPort: 4000, family: "ipv4" } },
    ],
  ];
  test.each(formats)("%s", (_what, media, mLine, negotiated) => {
    const answer = answerTo(theirs(...media));
    expect(mediaLines(answer.sdp)).toEqual([mLine]);
    expect(answer.negotiated).toMatchObject(negotiated);
    expect(lines(answer.sdp).includes("a=rtcp-mux")).toBe(answer.negotiated.rtcpMux);
  });

  test("says where our RTCP is when it is not on the next port", () => {
    const us = party();
    us.receiveOffer(plain);
    expect(us.answer({ ...local, rtcpPort: 20_000 })?.sdp).toContain("a=rtcp:20000 IN IP4 192.0.2.1\r\n");
  });

  const several: [what: string, media: string[], answer: string[]][] = [
    [
      "video after audio",
      ["m=audio 4000 RTP/AVP 0", "m=video 5000 RTP/AVP 31 99"],
      ["m=audio 10000 RTP/AVP 0", "m=video 0 RTP/AVP 31 99"],
    ],
    [
      "fax before audio",
      ["m=image 5000 udptl t38", "m=audio 4000 RTP/AVP 0"],
      ["m=image 0 udptl t38", "m=audio 10000 RTP/AVP 0"],
    ],
    [
      "the first audio that fits, of three",
      ["m=audio 4000 RTP/AVP 18", "m=audio 4002 RTP/AVP 8", "m=audio 4004 RTP/AVP 0"],
      ["m=audio 0 RTP/AVP 18", "m=audio 10000 RTP/AVP 8", "m=audio 0 RTP/AVP 0"],
    ],
    [
      "plain RTP beside encrypted",
      ["m=audio 4000 RTP/SAVP 0", "a=crypto:1 X inline:Y", "m=audio 4002 RTP/AVP 0"],
      ["m=audio 0 RTP/SAVP 0", "m=audio 10000 RTP/AVP 0"],
    ],
    [
      "plain RTP with an opportunistic key (RFC 8643)",
      ["m=audio 4002 RTP/AVP 0", "a=crypto:1 X inline:Y"],
      ["m=audio 10000 RTP/AVP 0"],
    ],
    [
      "IPv4 beside IPv6",
      ["m=audio 4000 RTP/AVP 0", "c=IN IP6 2001:db8::9", "m=audio 4002 RTP/AVP 0"],
      ["m=audio 0 RTP/AVP 0", "m=audio 10000 RTP/AVP 0"],
    ],
    [
      "a line without formats",
      ["m=video 5000 RTP/AVP", "m=audio 4000 RTP/AVP 0"],
      ["m=video 0 RTP/AVP 0", "m=audio 10000 RTP/AVP 0"],
    ],
    [
      "a removed stream",
      ["m=audio 0 RTP/AVP 0", "m=audio 4000 RTP/AVP 0"],
      ["m=audio 0 RTP/AVP 0", "m=audio 10000 RTP/AVP 0"],
    ],
  ];
  test.each(several)("keeps all m-lines in order: %s", (_what, media, answer) => {
    expect(mediaLines(answerTo(theirs(...media)).sdp)).toEqual(answer);
  });

  test("is for IPv6 when that is what we have", () => {
    const us = party({ families: ["ipv4", "ipv6"] });
    const offer = theirs("m=audio 4000 RTP/AVP 0", "c=IN IP6 2001:db8::9");
    expect(us.receiveOffer(offer)).toEqual({ ok: true, family: "ipv6", remoteHold: false });
    const answer = us.answer({ ...local, host: "2001:db8::1" });
    expect(answer?.sdp).toContain("\r\nc=IN IP6 2001:db8::1\r\n");
    expect(answer?.negotiated.remote?.host).toBe("2001:db8::9");
  });

  test("hands a host name on, unresolved", () => {
    const { negotiated } = answerTo(theirs("m=audio 4000 RTP/AVP 0", "c=IN IP4 media.example.com"));
    expect(negotiated.remote?.host).toBe("media.example.com");
  });

  const directions: [offered: Direction | "0.0.0.0", wanted: Direction, answered: Direction, remoteHold: boolean][] = [
    ["sendrecv", "sendrecv", "sendrecv", false],
    ["sendonly", "sendrecv", "recvonly", true],
    ["recvonly", "sendrecv", "sendonly", false],
    ["inactive", "sendrecv", "inactive", true],
    ["0.0.0.0", "sendrecv", "recvonly", true],
    ["sendrecv", "sendonly", "sendonly", false],
    ["sendonly", "sendonly", "inactive", true],
    ["recvonly", "sendonly", "sendonly", false],
    ["inactive", "sendonly", "inactive", true],
    ["sendrecv", "inactive", "inactive", false],
  ];
  test.each(directions)("to %s, when we want %s, is %s", (offered, wanted, answered, remoteHold) => {
    const { us } = answerTo(plain);
    us.offer(local, wanted);
    us.receiveAnswer(theirs("m=audio 4000 RTP/AVP 0", `a=${wanted === "inactive" ? "inactive" : "sendrecv"}`));
    const offer =
      offered === "0.0.0.0"
        ? theirs("m=audio 4000 RTP/AVP 0", "c=IN IP4 0.0.0.0")
        : theirs("m=audio 4000 RTP/AVP 0", `a=${offered}`);
    expect(us.receiveOffer(offer)).toEqual({ ok: true, family: "ipv4", remoteHold });
    const answer = us.answer(local);
    expect(answer?.negotiated).toMatchObject({ direction: answered, remoteHold });
    expect(answer?.negotiated.remote === undefined).toBe(offered === "0.0.0.0");
    expect(lines(answer?.sdp)).toContain(`a=${answered}`);
  });
});

describe("an offer is refused", () => {
  const unusable: [what: string, offer: string, status: number, code: number][] = [
    ["that is no SDP", "hello", 400, 399],
    ["with an address that is none", theirs("c=AF IP4 1.2.3.4", "m=audio 4000 RTP/AVP 0"), 400, 399],
    ["without media", theirs(), 488, 304],
    ["of video alone", theirs("m=video 4000 RTP/AVP 31"), 488, 304],
    ["of a removed stream alone", theirs("m=audio 0 RTP/AVP 0"), 488, 304],
    ["of fax alone", theirs("m=audio 0 RTP/AVP 0", "m=image 4000 udptl t38"), 488, 304],
    ["of other codecs", theirs("m=audio 4000 RTP/AVP 18 101", "a=rtpmap:101 telephone-event/8000"), 488, 305],
    ["of telephone-event alone", theirs("m=audio 4000 RTP/AVP 101", "a=rtpmap:101 telephone-event/8000"), 488, 305],
    ["of our codec at another clock", theirs("m=audio 4000 RTP/AVP 97", "a=rtpmap:97 PCMU/16000"), 488, 305],
    ["of our codec in stereo", theirs("m=audio 4000 RTP/AVP 97", "a=rtpmap:97 PCMU/8000/2"), 488, 305],
    ["of dynamic types without rtpmap", theirs("m=audio 4000 RTP/AVP 97 98"), 488, 305],
    ["of encrypted audio", theirs("m=audio 4000 RTP/SAVP 0"), 488, 302],
    ["of a browser", theirs("m=audio 9 UDP/TLS/RTP/SAVPF 0 8"), 488, 302],
    ["of audio over TCP", theirs("m=audio 9 TCP/RTP/AVP 0"), 488, 302],
    ["of IPv6", theirs("m=audio 4000 RTP/AVP 0", "c=IN IP6 2001:db8::1"), 488, 301],
    ["of audio without address", "v=0\r\nm=audio 4000 RTP/AVP 0\r\n", 488, 301],
    ["of multicast", theirs("m=audio 4000 RTP/AVP 0", "c=IN IP4 224.2.0.1/127"), 488, 330],
    ["of broadcast", theirs("m=audio 4000 RTP/AVP 0", "c=IN IP4 255.255.255.255"), 488, 330],
  ];
  test.each(unusable)("%s", (_what, offer, status, code) => {
    const us = party();
    expect(us.receiveOffer(offer)).toMatchObject({ ok: false, status, warning: { code } });
    expect(us.state).toBe("stable");
    expect(us.answer(local)).toBeUndefined();
  });

  test("with an answer at hand for where no status can refuse", () => {
    const refusal = party().receiveOffer(theirs("m=video 4000 RTP/AVP 31", "m=image 5 udptl t38"));
    if (refusal.ok) throw new TypeError("taken");
    expect(mediaLines(refusal.emptyAnswer?.())).toEqual(["m=video 0 RTP/AVP 31", "m=image 0 udptl t38"]);
  });

  test("in a Warning that quotes nothing of the peer's", () => {
    const refusal = party().receiveOffer(theirs("m=audio 4000 RTP/AVP 97", 'a=rtpmap:97 "\\evil/8000'));
    expect(JSON.stringify(refusal)).not.toContain("evil");
  });

  test("without harm to what was agreed before", () => {
    const { us, negotiated } = answerTo(plain);
    expect(us.receiveOffer(theirs("m=image 4000 udptl t38")).ok).toBe(false);
    expect(us.negotiated).toBe(negotiated);
    const repeated = sdpOf(us.repeat(local));
    expect(versionOf(repeated)).toBe(1);
  });
});
