/** A phone in a page by SIP.js: `window.phone`, see chromium.ts. It answers every call. */
import { Inviter, Registerer, RegistererState, SessionState, UserAgent, Web } from "sip.js";
import { heard, hearFrom, press, statistics, voice } from "./sound.js";

const events = [];
let agent;
let registerer;
let session;

function follow(started) {
  session = started;
  started.stateChange.addListener((state) => {
    if (state === SessionState.Established) {
      hearFrom(started.sessionDescriptionHandler.peerConnection);
      events.push("confirmed");
    }
    if (state === SessionState.Terminated) events.push("ended");
  });
}

window.phone = {
  events,
  heard,
  async register({ url, user, domain, password, hertz }) {
    agent = new UserAgent({
      uri: UserAgent.makeURI(`sip:${user}@${domain}`),
      transportOptions: { server: url },
      authorizationUsername: user,
      authorizationPassword: password,
      logLevel: "warn",
      sessionDescriptionHandlerFactory: Web.defaultSessionDescriptionHandlerFactory(async () => voice(hertz)),
      sessionDescriptionHandlerFactoryOptions: { peerConnectionConfiguration: { iceServers: [] } },
      delegate: {
        onConnect: () => events.push("connected"),
        onDisconnect: () => events.push("disconnected"),
        onInvite: (invitation) => {
          follow(invitation);
          void invitation.accept();
        },
      },
    });
    await agent.start();
    registerer = new Registerer(agent, { expires: 600 });
    registerer.stateChange.addListener((state) => {
      if (state === RegistererState.Registered) events.push("registered");
      if (state === RegistererState.Unregistered) events.push("unregistered");
    });
    await registerer.register({
      requestDelegate: { onReject: ({ message }) => events.push(`registrationFailed ${message.statusCode}`) },
    });
  },
  async call(target) {
    const inviter = new Inviter(agent, UserAgent.makeURI(target));
    follow(inviter);
    await inviter.invite({
      requestDelegate: { onReject: ({ message }) => events.push(`failed ${message.statusCode}`) },
    });
  },
  hold: (held) =>
    new Promise((resolve, reject) => {
      const requestDelegate = {
        onAccept: () => resolve(),
        onReject: ({ message }) => reject(new Error(message.statusCode)),
      };
      session
        .invite({ sessionDescriptionHandlerModifiers: held ? [Web.holdModifier] : [], requestDelegate })
        .catch(reject);
    }),
  hangup: () => session.bye(),
  press: (keys) => press(session.sessionDescriptionHandler.peerConnection, keys),
  restartIce: () =>
    new Promise((resolve, reject) => {
      const requestDelegate = { onAccept: () => resolve() };
      const sessionDescriptionHandlerOptions = { offerOptions: { iceRestart: true } };
      session.invite({ sessionDescriptionHandlerOptions, requestDelegate }).catch(reject);
    }),
  statistics: () => statistics(session.sessionDescriptionHandler.peerConnection),
  stop: async () => {
    await registerer.unregister();
    await agent.stop();
  },
};
