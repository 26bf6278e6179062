/** The exchanges of RFC 3264 §10 and RFC 4317, as far as one audio stream of G.711 takes part, and random ones. */
import { describe, expect, test } from "bun:test";
import { type LocalMedia, type Negotiated, OfferAnswer } from "../../src/sip/offer-answer.ts";
import { type Direction, maxSdpSize } from "../../src/sip/sdp.ts";
import { below, pick, seeded } from "../support/random.ts";

const local: LocalMedia = { host: "192.0.2.1", port: 49_170, rtcpPort: 49_171 };
const theirs = (...media: string[]) =>
  `${["v=0", "o=bob 2890844730 2890844730 IN IP4 host.example.com", "s=-", "c=IN IP4 198.51.100.2", "t=0 0", ...media].join("\r\n")}\r\n`;
const mediaLines = (sdp = "") => sdp.split("\r\n").filter((line) => line.startsWith("m="));
const party = (codecs: ("PCMU" | "PCMA")[] = ["PCMU", "PCMA"]) =>
  new OfferAnswer({ codecs, telephoneEvent: true, sessionId: "1" });

type Step =
  | { offer: string; answer: string[]; negotiated: Partial<Negotiated> }
  | { status: number; offer: string }
  | { ours: Direction; mLines: string[]; reply: string; negotiated: Partial<Negotiated> };

const flows: [name: string, steps: Step[]][] = [
  [
    "RFC 3264 §10.1, Bob: two video lines, one refused by him before, then a line for tones is added",
    [
      {
        offer: theirs("m=audio 49170 RTP/AVP 0", "m=video 51372 RTP/AVP 31", "m=video 53000 RTP/AVP 32"),
        answer: ["m=audio 49170 RTP/AVP 0", "m=video 0 RTP/AVP 31", "m=video 0 RTP/AVP 32"],
        negotiated: { codec: "PCMU", direction: "sendrecv" },
      },
      {
        offer: theirs(
          "m=audio 65422 RTP/AVP 0",
          "m=video 0 RTP/AVP 31",
          "m=video 0 RTP/AVP 32",
          "m=audio 51434 RTP/AVP 110",
          "a=rtpmap:110 telephone-event/8000",
          "a=recvonly",
        ),
        answer: ["m=audio 49170 RTP/AVP 0", "m=video 0 RTP/AVP 31", "m=video 0 RTP/AVP 32", "m=audio 0 RTP/AVP 110"],
        negotiated: { remote: { host: "198.51.100.2", port: 65422, rtcpPort: 65423, family: "ipv4" } },
      },
    ],
  ],
  [
    "RFC 3264 §10.2: first inactive to find a codec, then sendrecv",
    [
      {
        ours: "inactive",
        mLines: ["m=audio 49170 RTP/AVP 0 8 101"],
        reply: theirs("m=audio 54344 RTP/AVP 8", "a=inactive"),
        negotiated: { codec: "PCMA", direction: "inactive", remoteHold: false },
      },
      {
        ours: "sendrecv",
        mLines: ["m=audio 49170 RTP/AVP 0 8 101"],
        reply: theirs("m=audio 54344 RTP/AVP 8", "a=sendrecv"),
        negotiated: { codec: "PCMA", direction: "sendrecv" },
      },
    ],
  ],
  [
    "RFC 4317 §2.1 and §2.2: three codecs and video, of which one codec and no video are taken; then a new address",
    [
      {
        offer: theirs("m=audio 49170 RTP/AVP 97 0 8", "a=rtpmap:97 iLBC/8000", "m=video 51372 RTP/AVP 31 32"),
        answer: ["m=audio 49170 RTP/AVP 0", "m=video 0 RTP/AVP 31 32"],
        negotiated: { codec: "PCMU" },
      },
      {
        offer: theirs("m=audio 51372 RTP/AVP 0", "m=video 0 RTP/AVP 31"),
        answer: ["m=audio 49170 RTP/AVP 0", "m=video 0 RTP/AVP 31"],
        negotiated: { remote: { host: "198.51.100.2", port: 51372, rtcpPort: 51373, family: "ipv4" } },
      },
    ],
  ],
  [
    "RFC 4317 §2.3: the offerer locks one of two codecs with a second offer",
    [
      {
        ours: "sendrecv",
        mLines: ["m=audio 49170 RTP/AVP 0 8 101"],
        reply: theirs("m=audio 49174 RTP/AVP 0 8"),
        negotiated: { codec: "PCMU" },
      },
      {
        offer: theirs("m=audio 49174 RTP/AVP 8"),
        answer: ["m=audio 49170 RTP/AVP 8"],
        negotiated: { codec: "PCMA", payloadType: 8 },
      },
    ],
  ],
  [
    "RFC 4317 §2.4: tones in a line of their own are refused, the voice is taken",
    [
      {
        offer: theirs(
          "m=audio 49170 RTP/AVP 0 97",
          "a=rtpmap:97 iLBC/8000",
          "m=audio 49172 RTP/AVP 98",
          "a=rtpmap:98 telephone-event/8000",
          "a=sendonly",
        ),
        answer: ["m=audio 49170 RTP/AVP 0", "m=audio 0 RTP/AVP 98"],
        negotiated: { dtmfPayloadType: undefined },
      },
    ],
  ],
  [
    "RFC 4317 §2.5 and §3.1: hold and unhold",
    [
      {
        offer: theirs("m=audio 49170 RTP/AVP 0"),
        answer: ["m=audio 49170 RTP/AVP 0"],
        negotiated: { remoteHold: false },
      },
      {
        offer: theirs("m=audio 49170 RTP/AVP 0", "a=sendonly"),
        answer: ["m=audio 49170 RTP/AVP 0"],
        negotiated: { remoteHold: true, direction: "recvonly" },
      },
      {
        offer: theirs("m=audio 49170 RTP/AVP 0"),
        answer: ["m=audio 49170 RTP/AVP 0"],
        negotiated: { remoteHold: false, direction: "sendrecv" },
      },
    ],
  ],
  [
    "RFC 4317 §2.6: of two audio lines the first that is G.711",
    [
      {
        offer: theirs(
          "m=audio 49170 RTP/AVP 97",
          "a=rtpmap:97 iLBC/8000",
          "m=audio 51372 RTP/AVP 8 101",
          "a=rtpmap:101 telephone-event/8000",
        ),
        answer: ["m=audio 0 RTP/AVP 97", "m=audio 49170 RTP/AVP 8 101"],
        negotiated: { codec: "PCMA", dtmfPayloadType: 101 },
      },
    ],
  ],
  [
    "RFC 4317 §5: a changeover to fax is refused, the call stays",
    [
      { offer: theirs("m=audio 49170 RTP/AVP 0"), answer: ["m=audio 49170 RTP/AVP 0"], negotiated: {} },
      { offer: theirs("m=image 5002 udptl t38"), status: 488 },
      {
        ours: "sendrecv",
        mLines: ["m=audio 49170 RTP/AVP 0 8 101"],
        reply: theirs("m=audio 49170 RTP/AVP 0"),
        negotiated: {},
      },
    ],
  ],
  [
    "RFC 3725 §4.1: a third party connects an offer without address first, then with one",
    [
      {
        offer: theirs("m=audio 9 RTP/AVP 0", "c=IN IP4 0.0.0.0"),
        answer: ["m=audio 49170 RTP/AVP 0"],
        negotiated: { remote: undefined, remoteHold: true },
      },
      {
        offer: theirs("m=audio 3456 RTP/AVP 0"),
        answer: ["m=audio 49170 RTP/AVP 0"],
        negotiated: { remoteHold: false, direction: "sendrecv" },
      },
    ],
  ],
];

describe("a call goes through", () => {
  test.each(flows)("%s", (_name, steps) => {
    const us = party();
    for (const step of steps) {
      if ("ours" in step) {
        const made = us.offer(local, step.ours);
        expect(made.ok).toBe(true);
        if (made.ok) expect(mediaLines(made.sdp)).toEqual(step.mLines);
        expect(us.receiveAnswer(step.reply)).toMatchObject({ ok: true });
        expect(us.negotiated).toMatchObject(step.negotiated);
      } else if ("status" in step) {
        expect(us.receiveOffer(step.offer)).toMatchObject({ ok: false, status: step.status });
      } else {
        expect(us.receiveOffer(step.offer)).toMatchObject({ ok: true });
        const answer = us.answer(local);
        expect(mediaLines(answer?.sdp)).toEqual(step.answer);
        expect(us.negotiated).toMatchObject(step.negotiated);
      }
    }
    expect(us.state).toBe("stable");
  });
});

test("two parties that do anything in any order always agree, and never both have an offer open once it has arrived", () => {
  const random = seeded(3264);
  const wants: Direction[] = ["sendrecv", "sendonly", "recvonly", "inactive"];
  for (let call = 0; call < 300; call++) {
    const parties = [party(), party(random() < 0.5 ? ["PCMA"] : ["PCMA", "PCMU"])] as const;
    /** What is on its way to each party: offers may cross, answers follow their offer. */
    const inbox: [
      { kind: "offer" | "answer" | "refused"; sdp: string }[],
      { kind: "offer" | "answer" | "refused"; sdp: string }[],
    ] = [[], []];
    for (let step = 0; step < 60; step++) {
      const at = below(random, 2) === 0 ? 0 : 1;
      const me = parties[at];
      const other = at === 0 ? inbox[1] : inbox[0];
      const stateBefore = me.state;
      const dice = random();
      if (dice < 0.3) {
        const made = random() < 0.2 ? me.repeat(local) : me.offer(local, pick(random, wants));
        expect(made.ok).toBe(stateBefore === "stable");
        if (made.ok) other.push({ kind: "offer", sdp: made.sdp });
        continue;
      }
      if (me.state === "offer-received") {
        if (dice < 0.4) me.answer(local, "unreliable");
        else if (dice < 0.5) {
          me.rollback();
          other.push({ kind: "refused", sdp: "" });
        } else other.push({ kind: "answer", sdp: me.answer(local)?.sdp ?? "" });
        continue;
      }
      const message = inbox[at].shift();
      if (message === undefined) continue;
      if (message.kind === "refused") me.rollback();
      else if (message.kind === "answer") {
        expect(me.receiveAnswer(message.sdp, "reliable")).toMatchObject({ ok: true });
      } else {
        const received = me.receiveOffer(message.sdp);
        // Glare: the one that has an offer open refuses, never takes.
        expect(received.ok).toBe(stateBefore === "stable");
        if (!received.ok) {
          expect(received.status).toBe(491);
          other.push({ kind: "refused", sdp: "" });
        }
      }
      const both = parties.map(({ state }) => state);
      expect(both).not.toEqual(["offer-received", "offer-received"]);
      if (parties.every(({ state }) => state === "stable") && inbox.every((list) => list.length === 0)) {
        const [one, two] = parties;
        expect(one.negotiated?.codec).toBe(two.negotiated?.codec as "PCMU" | "PCMA");
      }
    }
  }
});

test("no body makes it throw or leaves it in between", () => {
  const random = seeded(4317);
  const seed = theirs(
    "m=audio 4000 RTP/AVP 0 8 101",
    "a=rtpmap:101 telephone-event/8000",
    "a=sendonly",
    "m=video 0 RTP/AVP 31",
  );
  const scraps = [
    "0",
    "RTP/SAVP",
    "m=audio 1 RTP/AVP 8\r\n",
    "c=IN IP6 ::1\r\n",
    "\r\n",
    "a=inactive\r\n",
    "a=rtcp-mux\r\n",
    "\0",
    " ",
    "9".repeat(30),
  ];
  for (let round = 0; round < 5000; round++) {
    let text = seed;
    for (let edits = below(random, 6); edits > 0; edits--) {
      const at = below(random, text.length);
      text = text.slice(0, at) + pick(random, scraps) + text.slice(at + below(random, 20));
    }
    const us = party();
    if (random() < 0.5) us.offer(local, "sendonly");
    if (us.state === "offered") {
      const answered = us.receiveAnswer(text, random() < 0.5 ? "reliable" : "unreliable");
      if (!answered.ok) expect(us.negotiated).toBeUndefined();
    } else {
      const received = us.receiveOffer(text);
      const answer = us.answer(local);
      expect(answer === undefined).toBe(!received.ok);
      if (answer !== undefined) expect(answer.sdp.length).toBeLessThan(maxSdpSize);
    }
    us.rollback();
    expect(us.offer(local).ok).toBe(true);
  }
});
