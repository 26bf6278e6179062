/** The page's connection to the server: registered as somebody, or anonymous; calls and texts both ways. */
import { UA, WebSocketInterface } from "jssip";
import type { RTCSession } from "jssip/lib/RTCSession";
import type { IncomingMessageEvent, OutgoingMessageEvent, RTCSessionEvent } from "jssip/lib/UA";
import { type CallEvents, PhoneCall } from "./call.ts";
import { reasonOf } from "./reasons.ts";

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

export class Line {
  readonly #agent: UA;
  readonly #events: LineEvents;
  readonly #ice: readonly string[];
  readonly #connected = Promise.withResolvers<void>();
  #closed = false;

  /** `account` undefined: calls are anonymous (RFC 3323), and nobody can call. */
  constructor(url: string, account: Account | undefined, ice: readonly string[], events: LineEvents) {
    this.#events = events;
    this.#ice = ice;
    const as = account === undefined ? "" : `${account.user}@${account.domain}`;
    const agent = new UA({
      sockets: [new WebSocketInterface(url)],
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

  call(uri: string, voice: MediaStream): PhoneCall {
    const session: RTCSession = this.#agent.call(uri, {
      mediaStream: voice,
      pcConfig: { iceServers: this.#ice.map((urls) => ({ urls })) },
    });
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
