/** Offers of ours, the answers that they get, and the version that they carry. */
import { describe, expect, test } from "bun:test";
import { answerTo, lines, local, mediaLines, party, plain, sdpOf, theirs, versionOf } from "./offer-answer-parties.ts";

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
