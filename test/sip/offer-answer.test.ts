import { describe, expect, test } from "bun:test";
import { OfferAnswer, type OfferAnswerOptions } from "../../src/sip/offer-answer.ts";
import type { Direction } from "../../src/sip/sdp.ts";

const local = { host: "192.0.2.1", port: 10_000, rtcpPort: 10_001 };
const party = (options: Partial<OfferAnswerOptions> = {}) =>
  new OfferAnswer({ codecs: ["PCMU", "PCMA"], telephoneEvent: true, sessionId: "42", ...options });
const lines = (sdp: string | undefined) => (sdp ?? "").split("\r\n");
const mediaLines = (sdp: string | undefined) => lines(sdp).filter((line) => line.startsWith("m="));
const versionOf = (sdp: string) => Number(lines(sdp)[1]?.split(" ")[2]);

/** A peer's description: an address, then m-lines and attributes. */
function theirs(...body: string[]): string {
  const text = ["v=0", "o=peer 7 7 IN IP4 198.51.100.9", "s=-", "c=IN IP4 198.51.100.9", "t=0 0", ...body];
  return `${text.join("\r\n")}\r\n`;
}
const plain = theirs("m=audio 4000 RTP/AVP 0 8 101", "a=rtpmap:101 telephone-event/8000", "a=fmtp:101 0-15");

function answerTo(offer: string, options: Partial<OfferAnswerOptions> = {}) {
  const us = party(options);
  const received = us.receiveOffer(offer);
  expect(received).toMatchObject({ ok: true });
  const answer = us.answer(local);
  if (answer === undefined) throw new TypeError("no answer");
  return { us, ...answer };
}

function sdpOf(made: ReturnType<OfferAnswer["offer"]>): string {
  if (!made.ok) throw new TypeError(made.reason);
  return made.sdp;
}

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

describe("an offer of ours", () => {
  test("lists our codecs in our order", () => {
    const us = party({ codecs: ["PCMA", "PCMU"] });
    const sdp = sdpOf(us.offer(local));
    expect(mediaLines(sdp)).toEqual(["m=audio 10000 RTP/AVP 8 0 101"]);
    expect(us.state).toBe("offered");
  });

  test("asks for multiplexed RTCP only where configured", () => {
    expect(sdpOf(party().offer(local))).not.toContain("rtcp-mux");
    expect(sdpOf(party({ offerRtcpMux: true }).offer(local))).toContain("a=rtcp-mux\r\n");
  });

  const answers: [what: string, media: string[], negotiated: object][] = [
    [
      "taken as it is",
      ["m=audio 4000 RTP/AVP 0 101", "a=rtpmap:101 telephone-event/8000"],
      { codec: "PCMU", payloadType: 0, dtmfPayloadType: 101, direction: "sendrecv" },
    ],
    [
      "with both codecs: we send the first, and take both",
      ["m=audio 4000 RTP/AVP 8 0"],
      {
        codec: "PCMA",
        receivePayloadTypes: [
          { payloadType: 8, codec: "PCMA" },
          { payloadType: 0, codec: "PCMU" },
        ],
        dtmfPayloadType: undefined,
        dtmfReceivePayloadType: undefined,
      },
    ],
    [
      "without rtpmap for telephone-event: it means what we said",
      ["m=audio 4000 RTP/AVP 0 101"],
      { dtmfPayloadType: 101, dtmfReceivePayloadType: 101 },
    ],
    [
      "with its own numbers: each side sends with the other's",
      ["m=audio 4000 RTP/AVP 97 96", "a=rtpmap:97 PCMU/8000", "a=rtpmap:96 telephone-event/8000"],
      {
        payloadType: 97,
        receivePayloadTypes: [{ payloadType: 0, codec: "PCMU" }],
        dtmfPayloadType: 96,
        dtmfReceivePayloadType: 101,
      },
    ],
    ["with codecs that we did not offer as well", ["m=audio 4000 RTP/AVP 18 8"], { codec: "PCMA" }],
    ["on hold", ["m=audio 4000 RTP/AVP 0", "a=sendonly"], { direction: "recvonly", remoteHold: true }],
    ["listening only", ["m=audio 4000 RTP/AVP 0", "a=recvonly"], { direction: "sendonly", remoteHold: false }],
    ["at no address", ["m=audio 4000 RTP/AVP 0", "c=IN IP4 0.0.0.0"], { remote: undefined, remoteHold: true }],
    ["with rtcp-mux that nobody offered", ["m=audio 4000 RTP/AVP 0", "a=rtcp-mux"], { rtcpMux: false }],
  ];
  test.each(answers)("gets an answer %s", (_what, media, negotiated) => {
    const us = party();
    us.offer(local);
    expect(us.receiveAnswer(theirs(...media))).toMatchObject({ ok: true, negotiated });
    expect(us.state).toBe("stable");
  });

  const bad: [what: string, answer: string][] = [
    ["that is no SDP", "hello"],
    ["without m-lines", theirs()],
    ["with more m-lines than offered", theirs("m=audio 4000 RTP/AVP 0", "m=audio 4002 RTP/AVP 0")],
    ["with video in place of audio", theirs("m=video 4000 RTP/AVP 0")],
    ["that refuses the audio", theirs("m=audio 0 RTP/AVP 0")],
    ["over another transport", theirs("m=audio 4000 RTP/SAVP 0")],
    ["with none of our codecs", theirs("m=audio 4000 RTP/AVP 18")],
    ["with telephone-event alone", theirs("m=audio 4000 RTP/AVP 101")],
    ["with a codec that we did not offer", theirs("m=audio 4000 RTP/AVP 0")],
    ["at an address of another family", theirs("m=audio 4000 RTP/AVP 8", "c=IN IP6 2001:db8::1")],
    ["at a multicast address", theirs("m=audio 4000 RTP/AVP 8", "c=IN IP4 239.1.1.1/1")],
    ["without address", "v=0\r\nm=audio 4000 RTP/AVP 8\r\n"],
  ];
  test.each(bad)("cannot use an answer %s", (_what, answer) => {
    const us = party({ codecs: ["PCMA"] });
    us.offer(local);
    expect(us.receiveAnswer(answer)).toEqual({ ok: false, reason: expect.any(String) });
    expect(us.state).toBe("offered");
    expect(us.negotiated).toBeUndefined();
  });

  test("never changes what a payload type has meant", () => {
    const { us } = answerTo(
      theirs(
        "m=audio 4000 RTP/AVP 101 97 0 96",
        "a=rtpmap:101 opus/48000/2",
        "a=rtpmap:97 PCMA/8000",
        "a=rtpmap:96 telephone-event/16000",
      ),
    );
    const [line] = mediaLines(sdpOf(us.offer(local)));
    expect(line).toBe("m=audio 10000 RTP/AVP 0 97 127");
  });

  test("keeps the m-lines that the peer once offered", () => {
    const { us } = answerTo(theirs("m=video 5000 RTP/AVP 31", "m=audio 4000 RTP/AVP 0", "m=image 5 udptl t38"));
    const offer = sdpOf(us.offer(local));
    expect(mediaLines(offer)).toEqual(["m=video 0 RTP/AVP 31", "m=audio 10000 RTP/AVP 0 8 101", "m=image 0 udptl t38"]);
    expect(us.receiveAnswer(theirs("m=video 0 RTP/AVP 31", "m=audio 4000 RTP/AVP 8", "m=image 0 udptl t38")).ok).toBe(
      true,
    );
  });
});

describe("the version in o=", () => {
  test("grows by one with each change and stays without", () => {
    const us = party();
    const versions: number[] = [];
    const note = (sdp: string) => versions.push(versionOf(sdp));
    note(sdpOf(us.offer(local)));
    us.receiveAnswer(plain);
    note(sdpOf(us.repeat(local)));
    us.receiveAnswer(plain);
    note(sdpOf(us.offer(local, "sendonly")));
    us.rollback();
    note(sdpOf(us.offer(local, "sendonly")));
    us.receiveAnswer(plain);
    note(sdpOf(us.offer(local)));
    us.receiveAnswer(plain);
    note(sdpOf(us.offer({ ...local, port: 12_000, rtcpPort: 12_001 }, "sendrecv")));
    expect(versions).toEqual([1, 1, 2, 2, 2, 3]);
  });

  test("goes back to nothing: a refused change that is repeated as it was before is a change", () => {
    const us = party();
    sdpOf(us.offer(local));
    us.receiveAnswer(plain);
    expect(versionOf(sdpOf(us.offer(local, "inactive")))).toBe(2);
    us.rollback();
    expect(us.wanted).toBe("sendrecv");
    expect(versionOf(sdpOf(us.repeat(local)))).toBe(3);
  });

  test("stands beside an origin that does not move with the media", () => {
    const us = party();
    us.offer(local);
    us.receiveAnswer(plain);
    expect(lines(sdpOf(us.offer({ host: "192.0.2.99", port: 2, rtcpPort: 3 })))[1]).toBe("o=- 42 2 IN IP4 192.0.2.1");
  });

  test("answers the same offer with the same answer", () => {
    const { us, sdp } = answerTo(plain);
    us.receiveOffer(plain);
    expect(us.answer(local)?.sdp).toBe(sdp);
  });
});

describe("exchanges", () => {
  test("one at a time: while ours is open, theirs meets 491 and another of ours waits", () => {
    const us = party();
    us.offer(local);
    expect(us.receiveOffer(plain)).toMatchObject({ ok: false, status: 491 });
    expect(us.offer(local)).toMatchObject({ ok: false, status: 491 });
    expect(us.repeat(local)).toMatchObject({ ok: false, status: 491 });
    expect(us.answer(local)).toBeUndefined();
    us.rollback();
    expect(us.receiveOffer(plain).ok).toBe(true);
  });

  test("one at a time: while theirs is open, another meets 500 with Retry-After, and ours waits (RFC 3311 §5.2)", () => {
    const us = party();
    us.receiveOffer(plain);
    expect(us.receiveOffer(plain)).toMatchObject({ ok: false, status: 500, retryAfter: true });
    expect(us.offer(local)).toMatchObject({ ok: false });
    expect(us.receiveAnswer(plain).ok).toBe(false);
    us.answer(local);
    expect(us.state).toBe("stable");
  });

  test("an answer in a plain 183 is repeated in the 200, and binds from then on", () => {
    const us = party();
    us.receiveOffer(plain);
    const early = us.answer(local, "unreliable");
    expect(us.state).toBe("offer-received");
    expect(us.negotiated).toBe(early?.negotiated);
    const final = us.answer({ ...local, port: 1 });
    expect(final?.sdp).toBe(early?.sdp ?? "");
    expect(us.state).toBe("stable");
    expect(us.answer(local)).toBeUndefined();
  });

  test("an answer in a reliable 183 ends the exchange: an UPDATE or PRACK may offer (RFC 6337 §3.1)", () => {
    const us = party();
    us.receiveOffer(plain);
    us.answer(local, "reliable");
    expect(us.receiveOffer(theirs("m=audio 4000 RTP/AVP 8")).ok).toBe(true);
    expect(us.answer(local)?.negotiated.codec).toBe("PCMA");
  });

  test("an answer from a plain 183 is a preview: the 200's counts", () => {
    const us = party();
    us.offer(local);
    expect(us.receiveAnswer(theirs("m=audio 4000 RTP/AVP 0"), "unreliable").ok).toBe(true);
    expect(us.state).toBe("offered");
    expect(us.negotiated?.codec).toBe("PCMU");
    expect(us.receiveOffer(plain)).toMatchObject({ status: 491 });
    us.receiveAnswer(theirs("m=audio 6000 RTP/AVP 8"));
    expect(us.negotiated).toMatchObject({ codec: "PCMA", remote: { port: 6000 } });
    expect(us.receiveAnswer(plain).ok).toBe(false);
  });

  test("a preview is forgotten when the change is refused", () => {
    const us = party();
    us.offer(local);
    us.receiveAnswer(plain, "unreliable");
    us.rollback();
    expect(us.negotiated).toBeUndefined();
  });

  test("a late offer in the 200 is answered in the ACK, or not", () => {
    const us = party();
    us.offer(local);
    expect(us.receiveAnswer(new Uint8Array()).ok).toBe(false);
    expect(us.receiveAnswer(new TextEncoder().encode(plain))).toMatchObject({ ok: true });
  });

  test("forks of an INVITE agree on their own", () => {
    const us = party();
    us.offer(local);
    us.receiveAnswer(plain, "unreliable");
    const other = us.fork();
    expect(other.negotiated).toBeUndefined();
    other.receiveAnswer(theirs("m=audio 7000 RTP/AVP 8"));
    expect(other.negotiated).toMatchObject({ codec: "PCMA", remote: { port: 7000 } });
    expect(us.state).toBe("offered");
    expect(us.negotiated?.codec).toBe("PCMU");
    expect(versionOf(sdpOf(other.offer(local, "sendonly")))).toBe(2);
  });

  test("both sides hold and resume each other without losing their own wish (RFC 6337 §5.3)", () => {
    const alice = party({ sessionId: "1" });
    const bob = party({ sessionId: "2" });
    const exchange = (from: OfferAnswer, to: OfferAnswer, wanted: Direction) => {
      const offer = sdpOf(from.offer(local, wanted));
      expect(to.receiveOffer(offer).ok).toBe(true);
      expect(from.receiveAnswer(to.answer(local)?.sdp ?? "").ok).toBe(true);
      return [
        alice.negotiated?.direction,
        alice.negotiated?.remoteHold,
        bob.negotiated?.direction,
        bob.negotiated?.remoteHold,
      ];
    };
    expect(exchange(alice, bob, "sendrecv")).toEqual(["sendrecv", false, "sendrecv", false]);
    expect(exchange(alice, bob, "sendonly")).toEqual(["sendonly", false, "recvonly", true]);
    expect(exchange(bob, alice, "sendonly")).toEqual(["inactive", true, "inactive", true]);
    expect(exchange(alice, bob, "sendrecv")).toEqual(["recvonly", true, "sendonly", false]);
    expect(exchange(bob, alice, "sendrecv")).toEqual(["sendrecv", false, "sendrecv", false]);
  });

  test("our own hold with silence leaves the peer's hold as it was known", () => {
    const us = party();
    us.offer(local);
    us.receiveAnswer(theirs("m=audio 4000 RTP/AVP 0", "a=sendonly"));
    us.offer(local, "inactive");
    expect(us.receiveAnswer(theirs("m=audio 4000 RTP/AVP 0", "a=inactive"))).toMatchObject({
      ok: true,
      negotiated: { remoteHold: true, direction: "inactive" },
    });
  });

  test("a change of the peer's stays on the m-line in use", () => {
    const { us } = answerTo(theirs("m=audio 4000 RTP/AVP 18", "m=audio 4002 RTP/AVP 0"));
    us.receiveOffer(theirs("m=audio 4000 RTP/AVP 0", "m=audio 4002 RTP/AVP 8"));
    expect(mediaLines(us.answer(local)?.sdp)).toEqual(["m=audio 0 RTP/AVP 0", "m=audio 10000 RTP/AVP 8"]);
  });
});
