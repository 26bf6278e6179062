/** The page's connection to the server: registered as somebody, or anonymous; calls and texts both ways. */
import { UA, WebSocketInterface } from "jssip";
import type { RTCSession } from "jssip/lib/RTCSession";
import type { IncomingMessageEvent, OutgoingMessageEvent, RTCSessionEvent } from "jssip/lib/UA";
import { type CallEvents, PhoneCall } from "./call.ts";
import { reasonOf } from "./reasons.ts";
import { fetchIceServers, type IceServers, iceServersIn, watchMessages } from "./turn.ts";

export interface Account {
  readonly user: string;
  readonly domain: string;
  readonly password: string;
  readonly name: string;
}

export type LineState =
  | { readonly type: "connecting" }
  | { readonly type: "lost" }
  | { readonly type: "anonymous" }
  | { readonly type: "registering"; readonly as: string }
  | { readonly type: "registered"; readonly as: string }
  | { readonly type: "refused"; readonly as: string; readonly why: string };

export interface LineEvents extends CallEvents {
  state(state: LineState): void;
  incoming(call: PhoneCall): void;
  /** A text outside of calls. */
  message(from: string, text: string): void;
}

export interface LineSettings {
  /** `wss://…` */
  readonly url: string;
  /** STUN servers. */
  readonly ice: readonly string[];
  /** Where anybody gets credentials for a TURN server. */
  readonly turn?: string | undefined;
}

export class Line {
  readonly #agent: UA;
  readonly #events: LineEvents;
  readonly #ice: readonly string[];
  /** Of the TURN server, with credentials that hold for a while. */
  #turn: IceServers = [];
  readonly #turnUrl: string | undefined;
  readonly #connected = Promise.withResolvers<void>();
  #closed = false;

  /** `account` undefined: calls are anonymous (RFC 3323), and nobody can call. */
  constructor({ url, ice, turn }: LineSettings, account: Account | undefined, events: LineEvents) {
    this.#events = events;
    this.#ice = ice;
    this.#turnUrl = turn;
    const socket = new WebSocketInterface(url);
    watchMessages(socket, (message) => {
      this.#turn = iceServersIn(message) ?? this.#turn;
    });
    const as = account === undefined ? "" : `${account.user}@${account.domain}`;
    const agent = new UA({
      sockets: [socket],
      uri: account === undefined ? "sip:anonymous@anonymous.invalid" : `sip:${as}`,
      ...(account === undefined ? {} : { password: account.password, authorization_user: account.user }),
      ...(account === undefined || account.name === "" ? {} : { display_name: account.name }),
      register: account !== undefined,
      register_expires: 300,
      session_timers: false,
      connection_recovery_min_interval: 1,
      connection_recovery_max_interval: 15,
      user_agent: "siproc page",
    });
    this.#agent = agent;
    const tell = (state: LineState) => {
      if (!this.#closed) events.state(state);
    };
    tell({ type: "connecting" });
    agent.on("connected", () => {
      this.#connected.resolve();
      tell(account === undefined ? { type: "anonymous" } : { type: "registering", as });
    });
    agent.on("disconnected", () => tell({ type: "lost" }));
    agent.on("registered", () => tell({ type: "registered", as }));
    agent.on("registrationFailed", ({ cause, response }) =>
      tell({ type: "refused", as, why: reasonOf(cause ?? "", response?.status_code) }),
    );
    agent.on("newRTCSession", ({ originator, session }: RTCSessionEvent) => {
      if (originator === "remote") events.incoming(new PhoneCall(session, events));
    });
    agent.on("newMessage", ({ originator, request }: IncomingMessageEvent | OutgoingMessageEvent) => {
      if (originator !== "remote") return;
      const { from, body } = request as unknown as { from: { uri: object }; body?: string };
      events.message(String(from.uri), String(body ?? "").slice(0, 4000));
    });
    agent.start();
  }

  /** Once there is a connection, or after so many milliseconds: false. */
  async connects(ms: number): Promise<boolean> {
    const late = new Promise<void>((resolve) => setTimeout(resolve, ms));
    await Promise.race([this.#connected.promise, late]);
    return this.#agent.isConnected();
  }

  /** The servers that help to find a way for the sound. */
  async iceServers(): Promise<RTCIceServer[]> {
    if (this.#turnUrl !== undefined && this.#turn.length === 0) this.#turn = await fetchIceServers(this.#turnUrl);
    const turn = this.#turn;
    // Those of HTTP are asked for anew for each call.
    if (this.#turnUrl !== undefined) this.#turn = [];
    return [...this.#ice.map((urls) => ({ urls })), ...turn];
  }

  call(uri: string, voice: MediaStream, iceServers: RTCIceServer[]): PhoneCall {
    const session: RTCSession = this.#agent.call(uri, { mediaStream: voice, pcConfig: { iceServers } });
    return new PhoneCall(session, this.#events, voice);
  }

  /** A text outside of a call; resolves with why it did not arrive, or nothing. */
  message(uri: string, text: string): Promise<string | undefined> {
    return new Promise((resolve) => {
      this.#agent.sendMessage(uri, text, {
        contentType: "text/plain;charset=UTF-8",
        eventHandlers: {
          succeeded: () => resolve(undefined),
          failed: ({ cause, response }) => resolve(reasonOf(cause ?? "", response?.status_code)),
        },
      });
    });
  }

  /** Unregisters and ends all calls. */
  close(): void {
    this.#closed = true;
    this.#agent.stop();
  }
}
