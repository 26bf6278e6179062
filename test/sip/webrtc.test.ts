/** WebRTC in offers and answers: what browsers offer, what they are answered, what they are offered, and how it goes on. */
import { describe, expect, test } from "bun:test";
import { OfferAnswer } from "../../src/sip/offer-answer.ts";
import { parseSdp } from "../../src/sip/sdp.ts";
import type { IceCredentials } from "../../src/sip/webrtc.ts";

const fingerprint = `sha-256 ${Array.from({ length: 32 }, () => "AB").join(":")}`;
const theirPrint = `sha-256 ${Array.from({ length: 32 }, () => "CD").join(":")}`;
const local = { host: "203.0.113.1", port: 10_000, rtcpPort: 10_001, public: true };

function agent(offer = false, iceless = false) {
  let count = 0;
  const credentials = (): IceCredentials => ({ ufrag: `ours${++count}`, pwd: `${count}`.padStart(32, "p") });
  return new OfferAnswer({
    codecs: ["opus", "PCMU", "PCMA"],
    telephoneEvent: true,
    sessionId: "7",
    webRtc: { fingerprint, credentials, offer, iceless },
  });
}

const lines = (...list: string[]) => list.map((line) => `${line}\r\n`).join("");

/** As Chromium 140 writes it, with video, before it knows its candidates. */
const chromium = (ufrag = "x4Ab", direction = "sendrecv") =>
  lines(
    ...["v=0", "o=- 4611731400430051336 2 IN IP4 127.0.0.1", "s=-", "t=0 0", "a=group:BUNDLE 0 1"],
    ...["a=extmap-allow-mixed", "a=msid-semantic: WMS stream"],
    ...["m=audio 9 UDP/TLS/RTP/SAVPF 111 63 9 0 8 13 110 126", "c=IN IP4 0.0.0.0", "a=rtcp:9 IN IP4 0.0.0.0"],
    ...[`a=ice-ufrag:${ufrag}`, "a=ice-pwd:by5GZGG1lw+040DWA6hXM5Bz", "a=ice-options:trickle"],
    ...[`a=fingerprint:${theirPrint}`, "a=setup:actpass", "a=mid:0"],
    ...["a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level", "a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid"],
    ...[`a=${direction}`, "a=msid:stream track", "a=rtcp-mux", "a=rtcp-rsize"],
    ...["a=rtpmap:111 opus/48000/2", "a=rtcp-fb:111 transport-cc", "a=fmtp:111 minptime=10;useinbandfec=1"],
    ...["a=rtpmap:63 red/48000/2", "a=fmtp:63 111/111", "a=rtpmap:9 G722/8000", "a=rtpmap:0 PCMU/8000"],
    ...["a=rtpmap:8 PCMA/8000", "a=rtpmap:13 CN/8000", "a=rtpmap:110 telephone-event/48000"],
    ...["a=rtpmap:126 telephone-event/8000", "a=ssrc:3570614608 cname:4TOk42mSjXCkVIa6"],
    ...["m=video 9 UDP/TLS/RTP/SAVPF 96 97", "c=IN IP4 0.0.0.0", "a=rtcp:9 IN IP4 0.0.0.0"],
    ...[`a=ice-ufrag:${ufrag}`, "a=ice-pwd:by5GZGG1lw+040DWA6hXM5Bz", `a=fingerprint:${theirPrint}`],
    ...["a=setup:actpass", "a=mid:1", "a=sendrecv", "a=rtcp-mux", "a=rtpmap:96 VP8/90000", "a=rtpmap:97 rtx/90000"],
  );

/** Chromium's answer to an offer of audio alone, in which it says hello. */
const chromiumAnswer = chromium()
  .replace(/m=video[\s\S]*/, "")
  .replace("setup:actpass", "setup:active");

/** As Firefox 140 writes it: fingerprint at the session's level, candidates in it, one of mDNS, one of TCP. */
const firefox = lines(
  ...["v=0", "o=mozilla...THIS_IS_SDPARTA-99.0 4847 0 IN IP4 0.0.0.0", "s=-", "t=0 0"],
  ...[`a=fingerprint:${theirPrint}`, "a=group:BUNDLE 0", "a=ice-options:trickle", "a=msid-semantic:WMS *"],
  ...["m=audio 51372 UDP/TLS/RTP/SAVPF 109 9 0 8 101", "c=IN IP4 198.51.100.2"],
  ...["a=candidate:0 1 UDP 2122252543 7f22b7a5-0000-4000-8000-aabbccddeeff.local 51372 typ host"],
  ...["a=candidate:1 1 TCP 2105524479 198.51.100.2 9 typ host tcptype active"],
  ...["a=candidate:2 1 UDP 1686052863 198.51.100.2 51372 typ srflx raddr 0.0.0.0 rport 0"],
  ...["a=sendrecv", "a=end-of-candidates", "a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level"],
  ...["a=fmtp:109 maxplaybackrate=48000;stereo=1;useinbandfec=1", "a=fmtp:101 0-15"],
  ...["a=ice-pwd:5c7d6cbbd9d5f1b2c48f2f9ea7aa4fd1", "a=ice-ufrag:f4e3a7b1", "a=mid:0", "a=msid:{a} {b}", "a=rtcp-mux"],
  ...["a=rtpmap:109 opus/48000/2", "a=rtpmap:9 G722/8000/1", "a=rtpmap:0 PCMU/8000", "a=rtpmap:8 PCMA/8000"],
  ...["a=rtpmap:101 telephone-event/8000", "a=setup:actpass", "a=ssrc:2655508255 cname:{735484ea}"],
);

/** As Safari 18 writes it. */
const safari = lines(
  ...["v=0", "o=- 8052543236418327152 2 IN IP4 127.0.0.1", "s=-", "t=0 0", "a=group:BUNDLE 0"],
  ...["a=msid-semantic: WMS 8b", "m=audio 57423 UDP/TLS/RTP/SAVPF 111 63 9 102 0 8 105 13 110 113 126"],
  ...["c=IN IP4 198.51.100.3", "a=rtcp:9 IN IP4 0.0.0.0"],
  ...["a=candidate:842163049 1 udp 1677729535 198.51.100.3 57423 typ srflx raddr 0.0.0.0 rport 0 generation 0"],
  ...["a=ice-ufrag:Yx3w", "a=ice-pwd:Zk6pJ1nVvYq0l2m4r8s7tUwX", "a=ice-options:trickle", `a=fingerprint:${theirPrint}`],
  ...["a=setup:actpass", "a=mid:0", "a=sendrecv", "a=rtcp-mux", "a=rtpmap:111 opus/48000/2"],
  ...["a=rtcp-fb:111 transport-cc", "a=fmtp:111 minptime=10;useinbandfec=1", "a=rtpmap:102 ILBC/8000"],
  ...["a=rtpmap:105 CN/16000", "a=rtpmap:110 telephone-event/48000", "a=rtpmap:126 telephone-event/8000"],
);

/** As Safari 12 and 13 write it, with video and data: m-lines are named, addresses of both families, each stream by its SSRC. */
const olderSafari = lines(
  ...["v=0", "o=- 7700000000000000001 2 IN IP4 127.0.0.1", "s=-", "t=0 0", "a=group:BUNDLE audio video data"],
  ...["a=msid-semantic: WMS one", "m=audio 53100 UDP/TLS/RTP/SAVPF 111 103 9 102 0 8 105 13 110 113 126"],
  ...["c=IN IP4 198.51.100.3", "a=rtcp:9 IN IP4 0.0.0.0"],
  ...["a=candidate:211156821 1 udp 2113937151 192.168.1.5 53100 typ host generation 0 network-cost 50"],
  ...["a=candidate:2075991921 1 udp 2113939711 2001:db8::5 53101 typ host generation 0 network-cost 50"],
  ...["a=candidate:842163049 1 udp 1677729535 198.51.100.3 53100 typ srflx raddr 192.168.1.5 rport 53100 generation 0"],
  ...["a=ice-ufrag:Wq5x", "a=ice-pwd:ajvC1o4yPqwdsrKdnUtbAbCd", "a=ice-options:trickle", `a=fingerprint:${theirPrint}`],
  ...["a=setup:actpass", "a=mid:audio", "a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level", "a=sendrecv"],
  ...["a=rtcp-mux", "a=rtpmap:111 opus/48000/2", "a=rtcp-fb:111 transport-cc", "a=fmtp:111 minptime=10;useinbandfec=1"],
  ...["a=rtpmap:103 ISAC/16000", "a=rtpmap:9 G722/8000", "a=rtpmap:102 ILBC/8000", "a=rtpmap:0 PCMU/8000"],
  ...["a=rtpmap:8 PCMA/8000", "a=rtpmap:105 CN/16000", "a=rtpmap:13 CN/8000", "a=rtpmap:110 telephone-event/48000"],
  ...["a=rtpmap:113 telephone-event/16000", "a=rtpmap:126 telephone-event/8000", "a=ssrc:1557912193 cname:KcyXxv6o"],
  ...["a=ssrc:1557912193 msid:one two", "a=ssrc:1557912193 mslabel:one", "a=ssrc:1557912193 label:two"],
  ...["m=video 9 UDP/TLS/RTP/SAVPF 96 97", "c=IN IP4 0.0.0.0", "a=rtcp:9 IN IP4 0.0.0.0", "a=ice-ufrag:Wq5x"],
  ...["a=ice-pwd:ajvC1o4yPqwdsrKdnUtbAbCd", `a=fingerprint:${theirPrint}`, "a=setup:actpass", "a=mid:video"],
  ...["a=sendrecv", "a=rtcp-mux", "a=rtcp-rsize", "a=rtpmap:96 H264/90000", "a=rtpmap:97 rtx/90000"],
  ...["m=application 9 DTLS/SCTP 5000", "c=IN IP4 0.0.0.0", "a=ice-ufrag:Wq5x", "a=ice-pwd:ajvC1o4yPqwdsrKdnUtbAbCd"],
  ...[`a=fingerprint:${theirPrint}`, "a=setup:actpass", "a=mid:data", "a=sctpmap:5000 webrtc-datachannel 1024"],
);

function answered(us: OfferAnswer, offer: string) {
  const taken = us.receiveOffer(offer);
  expect(taken.ok).toBe(true);
  const answer = us.answer(local);
  if (answer === undefined) throw new TypeError("no answer");
  return answer;
}

describe("an answer", () => {
  test("to Chromium takes the audio, in its words, and refuses the video", () => {
    const { sdp, negotiated } = answered(agent(), chromium());
    expect(sdp).toBe(
      lines(
        ...["v=0", "o=- 7 1 IN IP4 203.0.113.1", "s=-", "c=IN IP4 203.0.113.1", "t=0 0"],
        ...["a=group:BUNDLE 0", "a=ice-lite", "m=audio 10000 UDP/TLS/RTP/SAVPF 111 110", "a=rtpmap:111 opus/48000/2"],
        "a=fmtp:111 useinbandfec=1;maxplaybackrate=16000;sprop-maxcapturerate=16000",
        ...["a=rtpmap:110 telephone-event/48000", "a=fmtp:110 0-16", "a=ptime:20", "a=rtcp-mux", "a=mid:0"],
        ...["a=msid:siproc siproc-audio", "a=ice-ufrag:ours1", `a=ice-pwd:${"1".padStart(32, "p")}`],
        ...[`a=fingerprint:${fingerprint}`, "a=setup:active"],
        ...["a=candidate:1 1 udp 2130706431 203.0.113.1 10000 typ host", "a=end-of-candidates", "a=sendrecv"],
        ...["m=video 0 UDP/TLS/RTP/SAVPF 96 97", "a=mid:1"],
      ),
    );
    expect(negotiated).toMatchObject({
      remote: undefined,
      codec: "opus",
      payloadType: 111,
      dtmfPayloadType: 110,
      dtmfClockRate: 48_000,
      direction: "sendrecv",
      remoteHold: false,
      rtcpMux: true,
      webRtc: {
        remote: { ufrag: "x4Ab" },
        fingerprints: [theirPrint],
        candidates: [],
        role: "client",
        lite: true,
        controlling: false,
      },
    });
  });

  test.each<[string, string, string, number, number]>([
    ["Firefox", firefox, "f4e3a7b1", 3, 101],
    ["Safari", safari, "Yx3w", 1, 110],
    ["Safari 12", olderSafari, "Wq5x", 3, 110],
  ])("to %s takes Opus, and its candidates", (_, offer, ufrag, count, dtmf) => {
    const { sdp, negotiated } = answered(agent(), offer);
    expect(negotiated.codec).toBe("opus");
    expect(negotiated.dtmfPayloadType).toBe(dtmf);
    expect(negotiated.webRtc?.remote.ufrag).toBe(ufrag);
    expect(negotiated.webRtc?.candidates).toHaveLength(count);
    expect(negotiated.webRtc?.fingerprints).toEqual([theirPrint]);
    expect(sdp).toMatch(/a=group:BUNDLE (0|audio)\r\n/);
  });

  test("to Safari 12 refuses video and data by their names", () => {
    const { sdp } = answered(agent(), olderSafari);
    expect(sdp).toContain("m=video 0 UDP/TLS/RTP/SAVPF 96 97\r\na=mid:video\r\n");
    expect(sdp).toContain("m=application 0 DTLS/SCTP 5000\r\na=mid:data\r\n");
  });

  test.each([
    ["actpass", "active", "client"],
    ["active", "passive", "server"],
    ["passive", "active", "client"],
  ] as const)("to setup:%s is setup:%s", (theirs, ours, role) => {
    const { sdp, negotiated } = answered(agent(), chromium().replaceAll("setup:actpass", `setup:${theirs}`));
    expect(sdp).toContain(`a=setup:${ours}\r\n`);
    expect(negotiated.webRtc?.role).toBe(role);
  });

  test.each([
    ["no fingerprint", /a=fingerprint.*\r\n/g, ""],
    ["a fingerprint of SHA-1 alone", /a=fingerprint:.*\r\n/g, `a=fingerprint:sha-1 ${"AA:".repeat(19)}AA\r\n`],
    ["no ICE", /a=ice-ufrag.*\r\n/g, ""],
    ["a password of a few letters", /a=ice-pwd.*\r\n/g, "a=ice-pwd:short\r\n"],
    ["no rtcp-mux", /a=rtcp-mux\r\n/g, ""],
    ["no setup", /a=setup.*\r\n/g, ""],
  ])("to an offer with %s is 488", (_, pattern, replacement) => {
    expect(agent().receiveOffer(chromium().replace(pattern, replacement))).toMatchObject({ ok: false, status: 488 });
  });

  test("to an agent without certificate is 488", () => {
    const plain = new OfferAnswer({ codecs: ["PCMU"], telephoneEvent: true, sessionId: "1" });
    expect(plain.receiveOffer(chromium())).toMatchObject({ ok: false, status: 488 });
  });
});

describe("later offers of a browser", () => {
  test("keep credentials and role, also over a hold", () => {
    const us = agent();
    const first = answered(us, chromium());
    const held = answered(us, chromium("x4Ab", "sendonly"));
    expect(held.negotiated).toMatchObject({ direction: "recvonly", remoteHold: true });
    expect(held.negotiated.webRtc).toEqual(first.negotiated.webRtc);
    const again = answered(us, chromium());
    expect(again.negotiated.webRtc).toEqual(first.negotiated.webRtc);
    expect(again.negotiated.remoteHold).toBe(false);
  });

  test("keep the role that an offer of ours has led to", () => {
    const us = agent(true);
    us.offer(local);
    expect(us.receiveAnswer(chromiumAnswer)).toMatchObject({ ok: true });
    expect(us.negotiated?.webRtc?.role).toBe("server");
    const { sdp, negotiated } = answered(us, chromium());
    expect(negotiated.webRtc?.role).toBe("server");
    expect(sdp).toContain("a=setup:passive");
  });

  test("restart ICE by new credentials, which ours answer by new ones", () => {
    const us = agent();
    const first = answered(us, chromium());
    const restarted = answered(us, chromium("new5"));
    expect(restarted.negotiated.webRtc?.remote.ufrag).toBe("new5");
    expect(restarted.negotiated.webRtc?.local).not.toEqual(first.negotiated.webRtc?.local);
    expect(restarted.negotiated.webRtc?.role).toBe("client");
  });

  test("are refused without encryption", () => {
    const us = agent();
    answered(us, chromium());
    const plain = lines(
      "v=0",
      "o=- 1 1 IN IP4 198.51.100.2",
      "s=-",
      "c=IN IP4 198.51.100.2",
      "t=0 0",
      "m=audio 4000 RTP/AVP 0",
    );
    expect(us.receiveOffer(plain)).toMatchObject({ ok: false, status: 488 });
  });
});

describe("keys by DTLS without ICE", () => {
  const phone = (more: readonly string[] = ["a=rtcp-mux"], setup = "actpass") =>
    lines(
      ...["v=0", "o=- 1 1 IN IP4 198.51.100.7", "s=-", "c=IN IP4 198.51.100.7", "t=0 0"],
      ...["m=audio 4000 UDP/TLS/RTP/SAVP 0 101", "a=rtpmap:0 PCMU/8000", "a=rtpmap:101 telephone-event/8000"],
      ...[`a=fingerprint:${theirPrint}`, `a=setup:${setup}`, ...more, "a=sendrecv"],
    );

  test.each([
    ["everybody can reach", true, "passive", "server"],
    ["is in our own network", false, "active", "client"],
  ] as const)("an offer is answered in its words; who %s is %p", (_, isPublic, setup, role) => {
    const us = agent();
    expect(us.receiveOffer(phone())).toMatchObject({ ok: true });
    const { sdp = "", negotiated } = us.answer({ ...local, public: isPublic }) ?? {};
    expect(sdp).toContain("m=audio 10000 UDP/TLS/RTP/SAVP 0 101\r\n");
    expect(sdp).toContain(`a=fingerprint:${fingerprint}\r\na=setup:${setup}\r\n`);
    expect(sdp).toContain("a=rtcp-mux");
    expect(sdp).not.toMatch(/ice-|candidate|mid:|BUNDLE/);
    expect(negotiated).toMatchObject({
      remote: { host: "198.51.100.7", port: 4000, rtcpPort: 4000 },
      webRtc: { iceless: true, role, fingerprints: [theirPrint] },
      rtcpMux: true,
    });
  });

  test("without one port for both, RTCP has its own", () => {
    const us = agent();
    us.receiveOffer(phone([]));
    const { negotiated } = us.answer(local) ?? {};
    expect(negotiated).toMatchObject({ rtcpMux: false, remote: { port: 4000, rtcpPort: 4001 } });
  });

  test("an offer with ICE and without one port for both is answered without ICE", () => {
    const us = agent();
    us.receiveOffer(phone(["a=ice-ufrag:abcd", "a=ice-pwd:by5GZGG1lw+040DWA6hXM5Bz"]));
    const { sdp = "", negotiated } = us.answer(local) ?? {};
    expect(sdp).not.toContain("ice-");
    expect(negotiated?.webRtc?.iceless).toBe(true);
  });

  test("goes on over a hold, in the same role, and is not taken back", () => {
    const us = agent();
    us.receiveOffer(phone());
    us.answer(local);
    us.receiveOffer(phone().replace("a=sendrecv", "a=sendonly"));
    expect(us.answer(local)?.negotiated).toMatchObject({ direction: "recvonly", webRtc: { role: "server" } });
    expect(us.receiveOffer(phone().replace("UDP/TLS/RTP/SAVP", "RTP/AVP"))).toMatchObject({ ok: false, status: 488 });
  });

  test("is offered where the policy says so, and nothing in clear is taken for an answer", () => {
    const us = agent(true, true);
    const offer = us.offer(local);
    const text = offer.ok ? offer.sdp : "";
    expect(text).toContain("UDP/TLS/RTP/SAVP ");
    expect(text).toContain("a=setup:actpass");
    expect(text).not.toMatch(/ice-|candidate|mid:|BUNDLE/);
    expect(us.receiveAnswer(phone(["a=rtcp-mux"], "active").replace("UDP/TLS/RTP/SAVP", "RTP/AVP")).ok).toBe(false);
    expect(us.receiveAnswer(phone([], "active")).ok).toBe(true);
    expect(us.negotiated).toMatchObject({ remote: { port: 4000, rtcpPort: 4001 }, webRtc: { role: "server" } });
  });
});

describe("an offer of ours", () => {
  test("is one that a browser takes", () => {
    const us = agent(true);
    const offer = us.offer({ ...local, host: "192.168.0.1", public: false });
    const sdp = parseSdp(offer.ok ? offer.sdp : "");
    if ("failure" in sdp) throw new TypeError(sdp.failure);
    expect(sdp.groups).toEqual(["BUNDLE 0"]);
    expect(sdp.media[0]).toMatchObject({ protocol: "UDP/TLS/RTP/SAVPF", mid: "0", rtcpMux: true, crypto: [] });
    expect(sdp.media[0]?.iceDtls).toMatchObject({
      ufrag: "ours1",
      setup: "actpass",
      fingerprints: [fingerprint],
      lite: false,
      candidates: ["1 1 udp 2130706431 192.168.0.1 10000 typ host"],
    });
  });

  test("names the address within our own network besides the advertised one", () => {
    const us = agent(true);
    const offer = us.offer({ ...local, inside: "192.168.0.1" });
    const sdp = parseSdp(offer.ok ? offer.sdp : "");
    if ("failure" in sdp) throw new TypeError(sdp.failure);
    expect(sdp.media[0]?.iceDtls?.candidates).toEqual([
      "1 1 udp 2130706431 203.0.113.1 10000 typ host",
      "2 1 udp 2130706175 192.168.0.1 10000 typ host",
    ]);
  });

  test("lets browsers connect by TCP where that is wanted, and prefers datagrams", () => {
    const offer = agent(true).offer({ ...local, inside: "192.168.0.1", iceTcp: true });
    const sdp = parseSdp(offer.ok ? offer.sdp : "");
    if ("failure" in sdp) throw new TypeError(sdp.failure);
    expect(sdp.media[0]?.iceDtls?.candidates.slice(2)).toEqual([
      "3 1 tcp 2124414975 203.0.113.1 10000 typ host tcptype passive",
      "4 1 tcp 2124414719 192.168.0.1 10000 typ host tcptype passive",
    ]);
  });

  const seen = { host: "203.0.113.21", port: 30_000, rtcpPort: 30_002 };
  test("names what a NAT makes of our ports, as a STUN server saw it", () => {
    const offer = agent(true).offer({
      host: "192.168.0.1",
      port: 10_000,
      rtcpPort: 10_001,
      reflexive: { ...seen, far: true },
    });
    const sdp = parseSdp(offer.ok ? offer.sdp : "");
    if ("failure" in sdp) throw new TypeError(sdp.failure);
    expect(sdp.media[0]).toMatchObject({ port: 10_000, connection: { host: "192.168.0.1" } });
    expect(sdp.media[0]?.iceDtls?.candidates).toEqual([
      "1 1 udp 2130706431 192.168.0.1 10000 typ host",
      "2 1 udp 1694498815 203.0.113.21 30000 typ srflx raddr 192.168.0.1 rport 10000",
    ]);
  });

  test.each([
    [true, 30_000, "203.0.113.21", "a=rtcp:30002 IN IP4 203.0.113.21"],
    [false, 10_000, "192.168.0.1", undefined],
  ])("without ICE, a peer that is far (%p) is told so in place of our own address", (far, port, host, rtcp) => {
    const offer = agent().offer({ host: "192.168.0.1", port: 10_000, rtcpPort: 10_001, reflexive: { ...seen, far } });
    const text = offer.ok ? offer.sdp : "";
    expect(text).toContain(`c=IN IP4 ${host}\r\n`);
    expect(text).toContain(`m=audio ${port} RTP/AVP`);
    expect(/a=rtcp:.*/.exec(text)?.[0]).toBe(rtcp);
  });

  test("settles by its answer who says hello, and who nominates", () => {
    const us = agent(true);
    us.offer({ ...local, public: false });
    us.receiveAnswer(chromiumAnswer);
    expect(us.negotiated?.webRtc).toMatchObject({ role: "server", controlling: true, lite: false });
  });

  test("takes what it has offered, whichever of it the answer takes: Chromium sends the first after setCodecPreferences", () => {
    const us = agent(true);
    us.offer(local, "sendrecv", ["PCMA"]);
    us.receiveAnswer(chromiumAnswer.replace(/SAVPF .*/, "SAVPF 111 110"));
    expect(us.negotiated?.codec).toBe("opus");
    expect(us.negotiated?.receivePayloadTypes.map(({ codec }) => codec)).toEqual(["opus", "PCMA", "PCMU"]);
  });

  test.each([
    ["leaves the role open", chromiumAnswer.replace("setup:active", "setup:actpass")],
    ["is in clear", lines("v=0", "s=-", "c=IN IP4 198.51.100.2", "t=0 0", "m=audio 4000 RTP/AVP 0")],
  ])("is not answered by what %s", (_, answer) => {
    const us = agent(true);
    us.offer(local);
    expect(us.receiveAnswer(answer)).toMatchObject({ ok: false });
  });
});
