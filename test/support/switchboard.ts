/** Calls that come in and calls that handlers make, in virtual time on one wire, with audio that is a fake. */
import { invite, type Session } from "../../src/agent/index.ts";
import type { Handler } from "../../src/call/control.ts";
import { Call, type CallEvent, type CallFacts, type Command, type Outcome, Rooms } from "../../src/call/index.ts";
import { createLog } from "../../src/log.ts";
import { Request, Response } from "../../src/sip/message.ts";
import { AgentBench, fromAlice, offer } from "./agent.ts";
import { parsed } from "./fake-flow.ts";
import { FakeMedia, type FakeMediaSession } from "./fake-media.ts";

/** A call, its audio and its handler's notes. */
export interface Party {
  readonly call: Call;
  readonly events: CallEvent[];
  readonly audio: () => FakeMediaSession;
  /** Events since the last time, a line each. */
  take(): string[];
}

export class Switchboard {
  readonly bench = new AgentBench();
  readonly media = new FakeMedia();
  readonly rooms = new Rooms();
  readonly calls = new Map<string, Call>();
  /** INVITEs of ours, by whom they call; those that are not to be. */
  readonly invites = new Map<string, Request>();
  readonly forbidden = new Set<string>();
  /** From headers that calls of ours were asked to have. */
  readonly callers: (string | undefined)[] = [];
  #callIds = 0;

  constructor() {
    this.bench.adopt = (session) => {
      const call = this.#make(session, `in${this.calls.size + 1}`, "incoming");
      // The bench's own user type notes; a call does more.
      return call as unknown as ReturnType<AgentBench["adopt"]>;
    };
  }

  get clock() {
    return this.bench.clock;
  }

  /** Somebody calls. */
  incoming(): Party {
    const callId = `call-${++this.#callIds}`;
    const before = new Set(this.calls.values());
    this.bench.receive(this.#of(callId, fromAlice({ method: "INVITE", sequence: 1, body: offer })));
    const call = [...this.calls.values()].find((one) => !before.has(one));
    if (call === undefined) throw new TypeError("no call was made");
    this.note();
    return this.#party(call);
  }

  /** Somebody calls and is answered. */
  connected(): Party {
    const party = this.incoming();
    this.perform(party, { name: "ANSWER" });
    this.acknowledge(party);
    party.take();
    party.audio().take();
    return party;
  }

  acknowledge({ call }: Party): void {
    this.bench.receive(this.#within(call, "ACK", 1));
    this.note();
  }

  /** The caller hangs up, or gives up. */
  hangUp({ call }: Party): void {
    this.bench.receive(this.#within(call, "BYE", 9));
    this.note();
  }

  perform({ call }: { call: Call }, command: Command): { outcome: Outcome | undefined } {
    const result: { outcome: Outcome | undefined } = { outcome: undefined };
    call.perform(command, (outcome) => {
      if (result.outcome !== undefined) throw new TypeError("a command settled twice");
      result.outcome = outcome;
    });
    this.note();
    return result;
  }

  /** Who was called responds. */
  respond(target: string, status: number, body = ""): void {
    const request = this.invites.get(target);
    if (request === undefined) throw new TypeError(`nobody has called ${target}`);
    this.bench.receive(reply(request, status, body));
    this.note();
  }

  answers(target: string): void {
    this.respond(target, 200, offer);
  }

  /** Who was called hangs up. */
  calleeHangsUp(target: string): void {
    const request = this.invites.get(target);
    const text = [
      "BYE sip:siproc@192.0.2.1:5060 SIP/2.0",
      `Via: SIP/2.0/UDP 192.0.2.9:5060;branch=z9hG4bKbye${target.length}${++this.#callIds}`,
      "Max-Forwards: 70",
      `From: ${request?.header("to")};tag=b1`,
      `To: ${request?.header("from")}`,
      `Call-ID: ${request?.callId}`,
      "CSeq: 7 BYE",
      "Content-Length: 0",
      "",
      "",
    ];
    this.bench.receive(text.join("\r\n"));
    this.note();
  }

  /** Lets time pass. */
  async wait(ms: number): Promise<void> {
    this.clock.advance(ms);
    this.note();
  }

  /** The calls that the handlers' calls have made. */
  get legs(): Party[] {
    return [...this.calls.values()]
      .filter(({ facts }) => facts.direction === "outgoing")
      .map((call) => this.#party(call));
  }

  /** What was sent since the last time, but for ACKs: methods and statuses. */
  sent(): string[] {
    this.note();
    return this.#sent.splice(0);
  }
  #sent: string[] = [];

  note(): void {
    for (const message of this.bench.sent()) {
      if (message instanceof Request && message.method === "INVITE") this.invites.set(message.uri, message);
      if (message instanceof Request && message.method === "CANCEL") {
        this.#sent.push(`CANCEL ${message.uri}`);
        this.bench.receive(reply(message, 200));
        const invited = this.invites.get(message.uri);
        if (invited !== undefined) this.bench.receive(reply(invited, 487));
        this.note();
      } else if (message instanceof Request && message.method === "BYE") {
        this.#sent.push("BYE");
        this.bench.receive(reply(message, 200));
        this.note();
      } else if (message instanceof Response) this.#sent.push(String(message.status));
      else if (message.method !== "ACK") this.#sent.push(`${message.method} ${message.uri}`);
    }
  }

  #of(callId: string, message: string): string {
    return message.replace("Call-ID: call-1", `Call-ID: ${callId}`);
  }

  #within(call: Call, method: string, sequence: number): string {
    return this.#of(call.facts.callId, fromAlice({ method, sequence, toTag: call.session.localTag }));
  }

  #make(session: Session, id: string, direction: CallFacts["direction"], callId = `call-${this.#callIds}`): Call {
    const call = new Call(
      session,
      { ...facts, id, direction, callId },
      {
        media: this.media,
        clock: this.bench.clock,
        log: createLog({ level: "error", format: "json", write: () => {} }),
        peers: { find: (wanted) => this.calls.get(wanted), rooms: this.rooms },
        dialer: {
          dial: (_, uri, { handler, from }) => this.#dial(uri, handler, from),
          dialOn: () => ({ failure: "not here" }),
        },
      },
    );
    this.calls.set(id, call);
    call.onEnded = () => this.calls.delete(id);
    return call;
  }

  #dial(uri: string, handler: Handler, from: string | undefined) {
    if (this.forbidden.has(uri)) return { failure: `${uri} may not be called` };
    this.callers.push(from);
    let call: Call | undefined;
    const made = invite(this.bench.context, { uri }, (session) => {
      call = this.#make(session, `out${++this.#callIds}`, "outgoing", "");
      return call;
    });
    if ("failure" in made) return made;
    if (call === undefined) throw new TypeError("no call was made");
    handler.start(call);
    return call;
  }

  #party(call: Call): Party {
    const events: CallEvent[] = [];
    if (call.facts.direction === "incoming") call.listen((event) => events.push(event));
    return {
      call,
      events,
      audio: () => {
        // The media that this bench gives is the fake one.
        const audio = call.audio as FakeMediaSession | undefined;
        if (audio === undefined) throw new TypeError("the call has no audio");
        return audio;
      },
      take: () => events.splice(0).map(({ name, ...args }) => [name, ...Object.values(args)].join(" ")),
    };
  }
}

function reply(request: Request, status: number, body = "") {
  return parsed(
    [
      `SIP/2.0 ${status} Whatever`,
      `Via: ${request.header("via")}`,
      `From: ${request.header("from")}`,
      `To: ${request.header("to")}${/;tag=/.test(request.header("to") ?? "") ? "" : ";tag=b1"}`,
      `Call-ID: ${request.callId}`,
      `CSeq: ${request.header("cseq")}`,
      "Contact: <sip:bob@192.0.2.9:5060>",
      ...(body === "" ? [] : ["Content-Type: application/sdp"]),
      `Content-Length: ${body.length}`,
      "",
      body,
    ].join("\r\n"),
  );
}

const facts: Omit<CallFacts, "id" | "direction" | "callId"> = {
  remoteUri: "sip:alice@example.org",
  remoteId: "Alice <sip:alice@example.org>",
  remoteContact: "sip:alice@192.0.2.9",
  localUri: "sip:bob@example.com",
  remoteName: "Alice",
  remoteUser: "alice",
  remoteHost: "example.org",
  localUser: "bob",
  localHost: "example.com",
  headers: [],
};
