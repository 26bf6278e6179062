/** A phone in a page by JsSIP: `window.phone`, see chromium.ts. It answers every call. */
import JsSIP from "jssip";
import { heard, hearFrom, picture, press, roundTrip, statistics, voice } from "./sound.js";

const events = [];
let agent;
let session;
let tone = 0;
let only;
const media = () => ({ mediaStream: voice(tone), pcConfig: { iceServers: [] } });

function follow(started) {
  session = started;
  if (started.connection) hearFrom(started.connection);
  else started.on("peerconnection", ({ peerconnection }) => hearFrom(peerconnection));
  for (const name of ["progress", "accepted", "confirmed", "hold", "unhold", "reinvite"])
    started.on(name, () => events.push(name));
  started.on("refer", ({ accept }) => {
    events.push("refer");
    accept(follow, media());
  });
  started.on("ended", ({ cause }) => events.push(`ended ${cause}`));
  started.on("failed", ({ cause }) => events.push(`failed ${cause}`));
}

/** Has a connection offer and answer but the codec `only`, and keys. */
function narrow(connection) {
  if (!only) return;
  const { codecs } = RTCRtpReceiver.getCapabilities("audio");
  const wanted = [`audio/${only}`, "audio/telephone-event"];
  const kept = codecs.filter(({ mimeType }) => wanted.includes(mimeType.toLowerCase()));
  for (const transceiver of connection.getTransceivers()) transceiver.setCodecPreferences(kept);
}

for (const name of ["createOffer", "createAnswer"]) {
  const create = RTCPeerConnection.prototype[name];
  RTCPeerConnection.prototype[name] = function (...parameters) {
    narrow(this);
    return create.apply(this, parameters);
  };
}

window.phone = {
  events,
  only: (codec) => {
    only = codec;
  },
  heard,
  register({ url, user, domain, password, hertz }) {
    tone = hertz;
    agent = new JsSIP.UA({
      sockets: [new JsSIP.WebSocketInterface(url)],
      uri: `sip:${user}@${domain}`,
      password,
      register_expires: 600,
      session_timers: false,
    });
    agent.on("newRTCSession", ({ originator, session: started }) => {
      follow(started);
      if (originator === "remote") started.answer(media());
    });
    for (const name of ["connected", "disconnected", "registered", "unregistered"])
      agent.on(name, () => events.push(name));
    agent.on("registrationFailed", ({ cause }) => events.push(`registrationFailed ${cause}`));
    agent.start();
  },
  call: (target) => void agent.call(target, media()),
  callWith: (target, mediaStream) => void agent.call(target, { ...media(), mediaStream }),
  callWithVideo(target) {
    const options = media();
    options.mediaStream.addTrack(picture());
    agent.call(target, options);
  },
  callMany: ([target, count]) =>
    Promise.all(
      Array.from({ length: count }, () => {
        const started = agent.call(target, media());
        return new Promise((resolve) =>
          started.connection.addEventListener("track", ({ track }) => {
            track.addEventListener("unmute", () => resolve());
          }),
        );
      }),
    ),
  hold: (held) =>
    new Promise((resolve, reject) => {
      const begun = held ? session.hold({}, () => resolve()) : session.unhold({}, () => resolve());
      if (!begun) reject(new Error("not now"));
    }),
  hangup: () => session.terminate(),
  press: (keys) => press(session.connection, keys),
  restartIce: () =>
    new Promise((resolve) => session.renegotiate({ rtcOfferConstraints: { iceRestart: true } }, () => resolve())),
  statistics: () => statistics(session.connection),
  roundTrip: () => roundTrip(session.connection),
  stop: () => agent.stop(),
};
