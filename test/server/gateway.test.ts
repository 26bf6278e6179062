/** Pages, phones, and phones with SRTP, joined by the gateway: what each is offered and answered, and how it goes on. */
import { describe, expect, test } from "bun:test";
import { parseSdp } from "../../src/sip/sdp.ts";
import { seeded } from "../support/random.ts";
import { Party, setup } from "./converted-call.ts";

const page = (tag = "a", codecs: ConstructorParameters<typeof Party>[2] = ["opus", "PCMU", "PCMA"]) =>
  new Party(tag, "page", codecs);
const phone = (tag = "b", codecs: ConstructorParameters<typeof Party>[2] = ["PCMA", "PCMU"]) =>
  new Party(tag, "phone", codecs);
const protocolOf = (sdp: string) => {
  const parsed = parseSdp(sdp);
  return "failure" in parsed ? parsed.failure : parsed.media.map(({ protocol }) => protocol).join(" ");
};

describe("who is offered what", () => {
  test.each([
    ["page", "phone", "auto", "RTP/AVP"],
    ["phone", "page", "auto", "UDP/TLS/RTP/SAVPF"],
    ["page", "tls phone", "auto", "RTP/SAVP"],
    ["tls phone", "page", "auto", "UDP/TLS/RTP/SAVPF"],
    ["phone", "tls phone", "auto", "RTP/SAVP"],
    ["tls phone", "phone", "auto", "RTP/AVP"],
    ["page", "page", "auto", "untouched"],
    ["phone", "phone", "auto", "untouched"],
    ["tls phone", "tls phone", "auto", "untouched"],
    ["page", "phone", "direct", "untouched"],
    ["phone", "phone", "plain", "untouched"],
    ["phone", "phone", "webrtc", "UDP/TLS/RTP/SAVPF"],
    ["phone", "phone", "srtp", "RTP/SAVP"],
    ["tls phone", "tls phone", "plain", "RTP/AVP"],
    ["page", "page", "plain", "RTP/AVP"],
    ["page", "phone", "relay", "RTP/AVP"],
  ] as const)("a %s calls a %s with media: %s, which gets %s", (from, to, wish, protocol) => {
    const { invites } = setup();
    const caller = new Party("a", from, ["PCMU"]);
    const offered = invites(caller, new Party("b", to, ["PCMU"]), caller.offer(), "s1", wish);
    expect(offered === "untouched" ? offered : protocolOf(offered)).toBe(protocol);
  });

  test.each([
    ["dtls", "UDP/TLS/RTP/SAVP"],
    ["optional", "untouched"],
    ["off", "untouched"],
  ] as const)("a phone calls one over TLS where media.srtp is %s", (encrypted, protocol) => {
    const { invites } = setup(["PCMU"], 100, encrypted);
    const alice = phone();
    const offered = invites(alice, new Party("c", "tls phone", ["PCMU"]), alice.offer());
    expect(offered === "untouched" ? offered : protocolOf(offered)).toBe(protocol);
  });

  test("all our codecs, those of the caller first and in its order", () => {
    const { invites } = setup(["PCMU", "G722", "opus", "PCMA"]);
    const alice = page("a", ["opus", "PCMA"]);
    const parsed = parseSdp(invites(alice, phone(), alice.offer()));
    expect("media" in parsed && parsed.media[0]?.payloads.map(({ encoding }) => encoding)).toEqual([
      ...["OPUS", "PCMA", "PCMU", "G722", "TELEPHONE-EVENT", "TELEPHONE-EVENT"],
    ]);
  });

  test.each([
    ["a video call without audio", "m=video 4000 RTP/AVP 96\r\n", "untouched"],
    ["no description that can be read", "v=1\r\n", "untouched"],
  ])("%s goes on as it is", (_, body, expected) => {
    expect(setup().invites(phone(), page(), body)).toBe(expected);
  });

  test("when there are no ports left, nobody is called, and the one port that there was is free again", () => {
    const { invites, sessions } = setup(["PCMU"], 1);
    const alice = phone();
    expect(invites(alice, page(), alice.offer())).toBe("503");
    expect(sessions.map(({ closed }) => closed)).toEqual([true]);
  });

  test("an offer that has none of our codecs is refused", () => {
    const { invites, sessions, lines } = setup(["PCMU"]);
    const alice = page("a", ["opus"]);
    expect(invites(alice, phone(), alice.offer())).toBe("488");
    expect(sessions.map(({ closed }) => closed)).toEqual([true, true]);
    expect(lines.join("\n")).toContain("an offer cannot be converted");
  });

  test("keys of SRTP are not offered by whoever could be overheard, unless media.srtp_clear says so", () => {
    const { invites } = setup();
    const alice = phone();
    const keys = alice
      .offer()
      .replace("RTP/AVP", "RTP/SAVP")
      .replace("a=sendrecv", `a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:${"A".repeat(40)}\r\na=sendrecv`);
    expect(invites(alice, page(), keys)).toBe("488");
  });
});

describe("a call", () => {
  test.each([
    ["what both have is passed on as it is", ["opus", "PCMU"], ["PCMU"], "sendrecv PCMU", "sendrecv PCMU"],
    [
      "what the callee wants comes before what the caller would like",
      ["opus", "PCMA", "PCMU"],
      ["PCMU", "PCMA"],
      "sendrecv PCMA",
      "sendrecv PCMA",
    ],
    [
      "what they do not share is transcoded, keys with the clock of each",
      ["opus"],
      ["PCMA"],
      "sendrecv opus 48000",
      "sendrecv PCMA",
    ],
  ] as const)("%s", (_, ofPage, ofPhone, atPage, atPhone) => {
    const { call, sessions } = setup();
    const [alice, bob] = [page("a", ofPage), phone("b", ofPhone)];
    expect(call(alice, bob)).toBe(atPage);
    expect(bob.media).toBe(atPhone);
    expect(sessions.map(({ configuration }) => configuration?.codec)).toEqual([
      alice.offerAnswer.negotiated?.codec ?? "opus",
      bob.offerAnswer.negotiated?.codec ?? "opus",
    ]);
    expect(sessions.map(({ configuration }) => configuration?.webRtc !== undefined)).toEqual([true, false]);
    expect(sessions[0]?.told[0]).toBe(sessions[1]?.told[0]);
  });

  test("keys are pressed on the other side, but for those that are heard", () => {
    const { call, sessions } = setup();
    call(page(), phone());
    const [near, far] = sessions;
    near?.listener({ type: "dtmf", digit: "5", duration: 100 });
    far?.listener({ type: "dtmf", digit: "7", duration: 100 });
    far?.listener({ type: "dtmf", digit: "8", duration: 100, inSound: true });
    expect([near, far].map((session) => session?.told.filter((told) => told.startsWith("dtmf")))).toEqual([
      ["dtmf 0 7"],
      ["dtmf 0 5"],
    ]);
  });

  test("without an offer in the INVITE: that of the 200 is converted, and the answer in the ACK", () => {
    const { invites, asks, answers, sessions } = setup();
    const [alice, bob] = [page(), phone()];
    expect(invites(alice, bob, "")).toBe("untouched");
    const offered = bob.offer();
    const seen = answers(bob, alice, 200, "s1", offered);
    expect(protocolOf(seen)).toBe("UDP/TLS/RTP/SAVPF");
    expect(answers(bob, alice, 200, "s1", offered)).toBe(seen);
    const answer = alice.answer(seen);
    const ack = asks(alice, bob, "ACK", "s2", answer);
    expect(asks(alice, bob, "ACK", "s3", answer)).toBe(ack);
    expect(bob.take(ack)).toBe("sendrecv PCMA");
    expect(alice.media).toBe("sendrecv PCMA");
    expect(sessions.map(({ configuration }) => configuration?.direction)).toEqual(["sendrecv", "sendrecv"]);
  });

  test("early media, and the same answer once more in the 200, however often that comes", () => {
    const { invites, answers, sessions } = setup();
    const [alice, bob] = [page(), phone()];
    const offered = invites(alice, bob, alice.offer());
    const early = answers(bob, alice, 183, "s1", bob.answer(offered, true));
    expect(alice.take(early, true)).toBe("sendrecv PCMU");
    expect(sessions[0]?.configuration?.codec).toBe("PCMU");
    const final = bob.answer(offered);
    const last = answers(bob, alice, 200, "s1", final);
    expect(alice.take(last)).toBe("sendrecv PCMU");
    expect(answers(bob, alice, 200, "s1", final)).toBe(last);
  });

  test("a reliable 183 has answered; then UPDATE, PRACK with an offer, and a 200 without any", () => {
    const { invites, asks, answers } = setup();
    const [alice, bob] = [phone("a"), page("b")];
    const offered = invites(alice, bob, alice.offer());
    const reliable = { headers: ["Require: 100rel", "RSeq: 1"] };
    expect(alice.take(answers(bob, alice, 183, "s1", bob.answer(offered), reliable))).toBe("sendrecv PCMA");
    const pracked = bob.answer(asks(alice, bob, "PRACK", "s2", alice.offer("sendonly")));
    expect(alice.take(answers(bob, alice, 200, "s2", pracked, { method: "PRACK" }))).toBe("sendonly PCMA");
    const updated = alice.answer(asks(bob, alice, "UPDATE", "s3", bob.offer()));
    expect(bob.take(answers(alice, bob, 200, "s3", updated, { method: "UPDATE" }))).toBe("recvonly PCMU");
    expect(answers(bob, alice, 200, "s1")).toBe("untouched");
  });

  test.each([
    ["page", "sendonly", "sendonly PCMU", "recvonly PCMU"],
    ["phone", "sendonly", "sendonly PCMU", "recvonly PCMU"],
    ["page", "inactive", "inactive PCMU", "inactive PCMU"],
  ] as const)("the %s holds (%s), and takes the other back", (who, direction, held, holding) => {
    const { call, asks, answers } = setup();
    const [alice, bob] = [page("a", ["PCMU"]), phone("b", ["PCMU"])];
    call(alice, bob);
    const [one, other] = who === "page" ? [alice, bob] : [bob, alice];
    const hold = other.answer(asks(one, other, "INVITE", "s2", one.offer(direction)));
    expect(one.take(answers(other, one, 200, "s2", hold))).toBe(held);
    expect(other.media).toBe(holding);
    const back = other.answer(asks(one, other, "INVITE", "s3", one.offer()));
    expect(one.take(answers(other, one, 200, "s3", back))).toBe("sendrecv PCMU");
    expect(other.media).toBe("sendrecv PCMU");
  });

  test("a re-offer that is refused changes nothing, and the next one works", () => {
    const { call, asks, answers } = setup();
    const [alice, bob] = [page(), phone()];
    call(alice, bob);
    asks(alice, bob, "INVITE", "s2", alice.offer("sendonly"));
    // Meanwhile the other side's own gets what RFC 3261 §14.2 says.
    expect(asks(bob, alice, "INVITE", "s3", bob.offer("sendonly"))).toBe("491");
    expect(answers(bob, alice, 491, "s2")).toBe("untouched");
    alice.offerAnswer.rollback();
    bob.offerAnswer.rollback();
    const again = bob.answer(asks(alice, bob, "INVITE", "s4", alice.offer()));
    expect(alice.take(answers(bob, alice, 200, "s4", again))).toBe("sendrecv PCMU");
  });

  test("an answer that cannot be used is told the caller as one that refuses", () => {
    const { invites, answers, lines } = setup();
    const [alice, bob] = [page(), phone()];
    const offered = invites(alice, bob, alice.offer());
    const answer = bob.answer(offered).replace(/m=audio \d+/, "m=audio 0");
    expect(alice.take(answers(bob, alice, 200, "s1", answer))).toBe("the answer refuses the audio");
    expect(lines.join("\n")).toContain("an answer cannot be converted");
  });
});

test("a call from before a restart goes on with the next offer, from either side", () => {
  const before = setup();
  const [alice, bob] = [page(), phone()];
  before.call(alice, bob);
  const { invites, asks, answers, calls } = setup();
  expect(asks(bob, alice, "INVITE", "s1", bob.offer())).toBe("not ours");
  bob.offerAnswer.rollback();
  const offered = invites(bob, alice, bob.offer(), "s1", "auto", { to: "a" });
  expect(bob.take(answers(alice, bob, 200, "s1", alice.answer(offered)))).toBe("sendrecv PCMA");
  const held = bob.answer(asks(alice, bob, "INVITE", "s2", alice.offer("sendonly")));
  expect(alice.take(answers(bob, alice, 200, "s2", held))).toBe("sendonly PCMU");
  expect(calls.size).toBe(1);
});

describe("the end", () => {
  test("of a branch gives its ports back, and leaves the others; as does the BYE", () => {
    const { calls, invites, asks, answers, sessions } = setup();
    const [alice, bob, carol] = [phone("a"), page("b"), page("c")];
    const offer = alice.offer();
    invites(alice, bob, offer, "s1");
    const offered = invites(alice, carol, offer, "s2");
    expect(calls.size).toBe(2);
    answers(bob, alice, 486, "s1");
    expect(sessions.map(({ closed }) => closed)).toEqual([true, true, false, false]);
    alice.take(answers(carol, alice, 200, "s2", carol.answer(offered)));
    expect(calls.size).toBe(1);
    asks(alice, carol, "BYE", "s3");
    answers(carol, alice, 200, "s3", "", { method: "BYE" });
    expect(calls.size).toBe(0);
    expect(sessions.every(({ closed }) => closed)).toBe(true);
    expect(asks(alice, carol, "INVITE", "s4", offer)).toBe("not ours");
  });

  test("of a page that is gone: each is told BYE in the other's name, by the way that it has come", () => {
    const { calls, invites, asks, answers, sessions, byes } = setup();
    const [alice, bob] = [page(), phone()];
    const route = (host: string) => `Record-Route: <sip:${host};lr>`;
    const ours = route("203.0.113.7:5060");
    const offered = invites(alice, bob, alice.offer(), "s1", "auto", {
      headers: ["Contact: <sip:alice@page.invalid>"],
    });
    const headers = [route("far"), route("near"), ours, ours, route("before"), "Contact: <sip:bob@phone.example>"];
    alice.take(answers(bob, alice, 200, "s1", bob.answer(offered), { headers }));
    asks(alice, bob, "INFO", "s2", "", { headers: ["CSeq: 9 INFO"] });
    sessions[0]?.listener({ type: "gone", reason: "the peer no longer answers" });
    expect(calls.size).toBe(0);
    expect(sessions.every(({ closed }) => closed)).toBe(true);
    const told = byes.map(({ uri, flow, headers }) => {
      const value = (name: string) => headers.filter(([own]) => own === name).map(([, text]) => text);
      return [uri, flow.remote.host, value("From")[0], value("To")[0], value("CSeq")[0], ...value("Route")];
    });
    expect(told).toEqual([
      [
        "sip:bob@phone.example",
        bob.flow.remote.host,
        "<sip:alice@example.org>;tag=a",
        "<sip:bob@example.com>;tag=b",
        "2 BYE",
        "<sip:near;lr>",
        "<sip:far;lr>",
      ],
      [
        "sip:alice@page.invalid",
        alice.flow.remote.host,
        "<sip:bob@example.com>;tag=b",
        "<sip:alice@example.org>;tag=a",
        "1 BYE",
        "<sip:before;lr>",
      ],
    ]);
  });

  test("of the server: calls that are up are hung up, those that ring are not", () => {
    const { call, calls, invites, byes } = setup();
    call(page(), phone());
    const carol = page("c");
    invites(carol, phone("d"), carol.offer(), "s9", "auto", { callId: "other" });
    expect(calls.size).toBe(2);
    calls.close();
    expect([calls.size, byes.length]).toEqual([0, 2]);
  });

  test("of the media on both sides: silence, and longer on hold", async () => {
    const { call, calls, clock, sessions } = setup();
    const [alice, bob] = [page(), phone()];
    call(alice, bob);
    const wait = async (seconds: number) => {
      for (let waited = 0; waited < seconds; waited += 15) {
        clock.advance(15_000);
        await Promise.resolve();
        await Promise.resolve();
        await Promise.resolve();
      }
    };
    const [near] = sessions;
    if (near !== undefined) near.packets = 7;
    await wait(60);
    expect(calls.size).toBe(1);
    await wait(60);
    expect(calls.size).toBe(0);
    expect(clock.pending).toBe(0);
  });

  test("of too many branches, and of too many calls", () => {
    const { invites, calls } = setup();
    const alice = phone("a");
    const offer = alice.offer();
    const results = Array.from({ length: 20 }, (_, n) => invites(alice, page("b"), offer, `s${n}`));
    expect(results.filter((result) => result === "503")).toHaveLength(4);
    expect(calls.size).toBe(16);
    const others = Array.from({ length: 20 }, (_, n) => {
      const carol = phone("c");
      return invites(carol, page("b"), carol.offer(), "s1", "auto", { callId: `other${n}` });
    });
    expect(others.filter((result) => result === "503")).toHaveLength(6);
  });
});

test("whatever offers and answers come, in whichever order: nothing is thrown, and all ports come back", () => {
  const random = seeded(11);
  const pick = (list: readonly string[]) => list[Math.floor(random() * list.length)] ?? "";
  const { calls, sessions, invites, asks, answers } = setup(["opus", "PCMU"], 1e6);
  const end = performance.now() + 2000;
  for (let call = 0; call < 300 && performance.now() < end; call++) {
    const [alice, bob] = [page(), phone()];
    const texts = ["", "v=0\r\n", alice.offer(), bob.offer("inactive")];
    const cut = (text: string) => (random() < 0.3 ? text.slice(0, Math.floor(random() * text.length)) : text);
    const callId = `call${call}`;
    texts.push(invites(alice, bob, pick(texts), "s0", "auto", { callId }));
    for (let step = 1; step < 12; step++) {
      const [one, other] = random() < 0.5 ? [alice, bob] : [bob, alice];
      const body = cut(pick(texts));
      const method = pick(["INVITE", "UPDATE", "PRACK", "ACK", "INFO"]);
      const branch = `s${Math.floor(random() * step)}`;
      const headers = random() < 0.3 ? ["RSeq: 1"] : [];
      const said =
        random() < 0.5
          ? asks(one, other, method, `s${step}`, body, { callId })
          : answers(one, other, Number(pick(["183", "200", "200", "488"])), branch, body, { callId, method, headers });
      if (said.startsWith("v=")) texts.push(said);
    }
    answers(bob, alice, 200, "s0", "", { callId });
    asks(alice, bob, "BYE", "bye", "", { callId });
    answers(bob, alice, 200, "bye", "", { callId, method: "BYE" });
  }
  calls.close();
  expect(calls.size).toBe(0);
  expect(sessions.length).toBeGreaterThan(20);
  expect(sessions.filter(({ closed }) => !closed)).toEqual([]);
});
