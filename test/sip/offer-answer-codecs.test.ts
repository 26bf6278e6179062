/** G.722 and Opus in offers and answers: clocks, payload types, format parameters, and the telephone-event beside them. */
import { describe, expect, test } from "bun:test";
import type { AudioCodec } from "../../src/sip/audio-codecs.ts";
import { OfferAnswer } from "../../src/sip/offer-answer.ts";

const local = { host: "192.0.2.1", port: 40_000, rtcpPort: 40_001 };
const agent = (codecs: readonly AudioCodec[]) => new OfferAnswer({ codecs, telephoneEvent: true, sessionId: "1" });
const described = (formats: string, ...attributes: string[]) =>
  [
    "v=0",
    "o=- 1 1 IN IP4 192.0.2.2",
    "s=-",
    "c=IN IP4 192.0.2.2",
    "t=0 0",
    `m=audio 5000 RTP/AVP ${formats}`,
    ...attributes.map((attribute) => `a=${attribute}`),
    "",
  ].join("\r\n");
const linesOf = (sdp: string) => sdp.split("\r\n").filter((line) => /^(m|a=(rtpmap|fmtp))/.test(line));

test("an offer lists the codecs in our order, and telephone-event for each of their clocks", () => {
  const made = agent(["opus", "G722", "PCMU", "PCMA"]).offer(local);
  expect(made.ok && linesOf(made.sdp)).toEqual([
    "m=audio 40000 RTP/AVP 107 9 0 8 102 101",
    "a=rtpmap:107 opus/48000/2",
    "a=fmtp:107 useinbandfec=1;maxplaybackrate=16000;sprop-maxcapturerate=16000",
    "a=rtpmap:9 G722/8000",
    "a=rtpmap:0 PCMU/8000",
    "a=rtpmap:8 PCMA/8000",
    "a=rtpmap:102 telephone-event/48000",
    "a=fmtp:102 0-16",
    "a=rtpmap:101 telephone-event/8000",
    "a=fmtp:101 0-16",
  ]);
});

describe("an answer takes the offerer's first that is ours", () => {
  const opus = ["rtpmap:96 opus/48000/2", "fmtp:96 useinbandfec=1;maxaveragebitrate=20000"];
  const events = ["rtpmap:100 telephone-event/48000", "rtpmap:101 telephone-event/8000"];
  test.each<[string, AudioCodec[], string, string[], object]>([
    [
      "Opus, with the events of its clock",
      ["PCMU", "opus"],
      "96 0 100 101",
      [...opus, ...events],
      {
        codec: "opus",
        payloadType: 96,
        fmtp: "useinbandfec=1;maxaveragebitrate=20000",
        dtmfPayloadType: 100,
        dtmfClockRate: 48_000,
      },
    ],
    [
      "Opus, with the events that there are",
      ["opus"],
      "96 101",
      [...opus, "rtpmap:101 telephone-event/8000"],
      { codec: "opus", payloadType: 96, dtmfPayloadType: 101 },
    ],
    ["G.722 by its static type", ["G722", "PCMU"], "9 0", [], { codec: "G722", payloadType: 9 }],
    ["G.722 by a dynamic type", ["G722"], "110", ["rtpmap:110 G722/8000"], { codec: "G722", payloadType: 110 }],
    ["what we have, behind what we have not", ["PCMA"], "96 9 8", opus, { codec: "PCMA", payloadType: 8 }],
    ["PCMU, before Opus", ["opus", "PCMU"], "0 96", opus, { codec: "PCMU", payloadType: 0 }],
  ])("%s", (_, codecs, formats, attributes, expected) => {
    const us = agent(codecs);
    expect(us.receiveOffer(described(formats, ...attributes)).ok).toBe(true);
    expect(us.answer(local)?.negotiated).toMatchObject(expected);
  });

  test.each<[string, AudioCodec[], string, string[]]>([
    ["Opus of another clock", ["opus"], "96", ["rtpmap:96 opus/16000/2"]],
    ["G.722 with the clock that it should have had", ["G722"], "96", ["rtpmap:96 G722/16000"]],
    ["none of ours", ["G722", "opus"], "0 8 18", []],
  ])("and refuses %s", (_, codecs, formats, attributes) => {
    const refused = agent(codecs).receiveOffer(described(formats, ...attributes));
    expect(refused).toMatchObject({ ok: false, status: 488, warning: { code: 305 } });
  });
});

test("the peer's answer decides among what we offered", () => {
  const us = agent(["opus", "PCMU"]);
  us.offer(local);
  const answered = us.receiveAnswer(
    described("107 102", "rtpmap:107 opus/48000/2", "fmtp:107 useinbandfec=1", "rtpmap:102 telephone-event/48000"),
  );
  expect(answered).toMatchObject({
    ok: true,
    negotiated: {
      codec: "opus",
      payloadType: 107,
      fmtp: "useinbandfec=1",
      dtmfPayloadType: 102,
      dtmfClockRate: 48_000,
    },
  });
});

test("an answer without rtpmap means what our offer said", () => {
  const us = agent(["opus", "PCMU"]);
  us.offer(local);
  expect(us.receiveAnswer(described("107 102"))).toMatchObject({
    ok: true,
    negotiated: { codec: "opus", payloadType: 107, dtmfPayloadType: 102, dtmfReceivePayloadType: 102 },
  });
});
