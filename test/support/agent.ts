/** A user agent in virtual time with a wire to look at: tests put messages in and see what comes out. */
import {
  type AgentContext,
  type AgentSettings,
  defaultSettings,
  refuse,
  type Session,
  type SessionEnd,
  type SessionUser,
  UserAgent,
} from "../../src/agent/index.ts";
import { createLog } from "../../src/log.ts";
import { VirtualClock } from "../../src/sip/clock.ts";
import type { Flow } from "../../src/sip/flow.ts";
import type { Request, Response } from "../../src/sip/message.ts";
import type { Negotiated } from "../../src/sip/offer-answer.ts";
import { seededRandom } from "../../src/sip/random.ts";
import { TransactionLayer } from "../../src/sip/transaction/index.ts";
import { FakeFlow, parsed } from "./fake-flow.ts";

export const offer = [
  "v=0",
  "o=alice 1 1 IN IP4 192.0.2.9",
  "s=-",
  "c=IN IP4 192.0.2.9",
  "t=0 0",
  "m=audio 4000 RTP/AVP 0 8 101",
  "a=rtpmap:0 PCMU/8000",
  "a=rtpmap:8 PCMA/8000",
  "a=rtpmap:101 telephone-event/8000",
  "",
].join("\r\n");

/** The same with another direction, and a higher version. */
export const offerWith = (direction: string, version = 2) =>
  `${offer.replace("o=alice 1 1", `o=alice 1 ${version}`)}a=${direction}\r\n`;

/** A session's owner that notes what it is told. */
export class NotingUser implements SessionUser {
  readonly told: string[] = [];
  negotiated: Negotiated | undefined;
  end: SessionEnd | undefined;
  /** Told of each address of ours that audio is asked for. */
  openedAudio: (host: string) => void = () => {};

  openAudio(host: string) {
    this.openedAudio(host);
    return { rtpPort: 10_000, rtcpPort: 10_001 };
  }
  ringing() {
    this.told.push("ringing");
  }
  mediaChanged(negotiated: Negotiated, audible: boolean) {
    this.negotiated = negotiated;
    this.told.push(`media ${negotiated.codec} ${negotiated.direction}${audible ? " audible" : ""}`);
  }
  connected() {
    this.told.push("connected");
  }
  held(on: boolean) {
    this.told.push(on ? "held" : "unheld");
  }
  message(text: string) {
    this.told.push(`message ${text}`);
  }
  ended(end: SessionEnd) {
    this.end = end;
    this.told.push(`ended ${end.by} ${end.cause} ${end.code}`);
  }
  /** What it was told since the last call. */
  take(): string[] {
    return this.told.splice(0);
  }
}

export class AgentBench {
  readonly clock = new VirtualClock();
  readonly flow = new FakeFlow("udp");
  readonly agent: UserAgent;
  readonly context: AgentContext;
  readonly users: NotingUser[] = [];
  readonly sessions: Session[] = [];
  /** Done for each new session in the turn in which it appears. */
  onSession: (session: Session) => void = () => {};

  /** `parts` of the context that are to be others. */
  constructor(settings: Partial<AgentSettings> = {}, parts: Partial<AgentContext> = {}) {
    const random = seededRandom(1);
    const transactions = new TransactionLayer({
      clock: this.clock,
      random,
      user: {
        request: (tx, request) => {
          const refusal = refuse(request);
          if (refusal !== undefined) return this.agent.reply(tx, refusal.status, refusal);
          if (request.to.tag !== undefined) return this.agent.inDialog(tx, request);
          if (request.method !== "INVITE") return this.agent.options(tx);
          this.agent.invite(tx, request, (session) => this.adopt(session));
          const session = this.sessions.at(-1);
          if (session !== undefined) this.onSession(session);
        },
        ack: (request) => this.agent.ack(request),
        cancel: (tx, cancel) => this.agent.cancel(tx, cancel),
        strayResponse: () => {},
      },
    });
    this.context = {
      clock: this.clock,
      random,
      log: createLog({ level: "error", format: "json", write: () => {} }),
      settings: { ...defaultSettings, ...settings },
      ways: {
        flowTo: () => this.flow,
        viaFor: (flow: Flow) => ({
          transport: flow.transport === "tcp" ? "TCP" : "UDP",
          host: "192.0.2.1",
          port: 5060,
        }),
        contactFor: () => "192.0.2.1:5060",
      },
      transactions,
      sessions: new Map(),
      ...parts,
    };
    this.agent = new UserAgent(this.context);
  }

  adopt(session: Session): NotingUser {
    const user = new NotingUser();
    this.sessions.push(session);
    this.users.push(user);
    return user;
  }

  get session(): Session {
    const session = this.sessions[0];
    if (session === undefined) throw new TypeError("no session was made");
    return session;
  }

  get user(): NotingUser {
    const user = this.users[0];
    if (user === undefined) throw new TypeError("no session was made");
    return user;
  }

  /** Lets a message arrive. */
  receive(message: Request | Response | string): void {
    this.context.transactions.receive(typeof message === "string" ? parsed(message) : message, this.flow);
  }

  /** What was sent since the last call. */
  sent(): (Request | Response)[] {
    return this.flow.takeMessages();
  }

  /** The one message that was sent since the last call. */
  sentOne(): Request | Response {
    const messages = this.sent();
    const [first] = messages;
    if (first === undefined || messages.length > 1)
      throw new TypeError(`one message was expected, ${messages.length} were sent`);
    return first;
  }
}

let branches = 0;

export interface PeerRequest {
  method: string;
  sequence: number;
  /** Our tag, as a response of ours carried it; none outside of a dialog. */
  toTag?: string | undefined;
  branch?: string;
  headers?: string[];
  body?: string;
  contentType?: string;
}

/** A request of Alice's to us. */
export function fromAlice(parts: PeerRequest): string {
  const body = parts.body ?? "";
  return [
    `${parts.method} sip:bob@192.0.2.1:5060 SIP/2.0`,
    `Via: SIP/2.0/UDP 192.0.2.9:5060;branch=${parts.branch ?? `z9hG4bKa${++branches}`}`,
    "Max-Forwards: 70",
    "From: Alice <sip:alice@example.org>;tag=a1",
    `To: <sip:bob@example.com>${parts.toTag === undefined ? "" : `;tag=${parts.toTag}`}`,
    "Call-ID: call-1",
    `CSeq: ${parts.sequence} ${parts.method}`,
    "Contact: <sip:alice@192.0.2.9:5060>",
    ...(parts.headers ?? []),
    ...(body === "" ? [] : [`Content-Type: ${parts.contentType ?? "application/sdp"}`]),
    `Content-Length: ${body.length}`,
    "",
    body,
  ].join("\r\n");
}
