/** A call that is up, in virtual time: its peer is Alice, its sound a fake, and whom it may call the test says. */
import { invite, Subscriptions } from "../../src/agent/index.ts";
import { Call, type CallEvent, type Command, type Dialer, type Outcome } from "../../src/call/index.ts";
import { createLog } from "../../src/log.ts";
import { Request, Response } from "../../src/sip/message.ts";
import { AgentBench, fromAlice, type NotingUser, offer } from "./agent.ts";
import { parsed } from "./fake-flow.ts";
import { FakeMedia } from "./fake-media.ts";

const facts = {
  direction: "incoming",
  callId: "call-1",
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
} as const;

/** Alice's call to us, which is up. `mayDial` says who may be called. */
export class CallBench {
  readonly bench = new AgentBench();
  readonly media = new FakeMedia();
  readonly events: CallEvent[] = [];
  readonly calls = new Map<string, Call>();
  call: Call;
  tag: string | undefined;
  #sequence = 2;

  constructor(mayDial: (uri: string) => boolean = () => true) {
    const { bench } = this;
    const subscriptions = new Subscriptions(bench.agent);
    const dialer: Dialer = {
      dial: () => ({ failure: "not here" }),
      dialOn: (_, uri, { user, headers }) =>
        mayDial(uri) ? invite(bench.context, { uri, headers }, () => user) : { failure: `${uri} may not be called` },
      subscribe: (_, uri, what, user) =>
        mayDial(uri) ? subscriptions.subscribe({ uri, ...what }, user) : { failure: `${uri} may not be called` },
    };
    bench.adopt = (session) => {
      const id = `c${this.calls.size + 1}`;
      const log = createLog({ level: "error", format: "json", write: () => {} });
      const peers = { find: (wanted: string) => this.calls.get(wanted) };
      const call = new Call(session, { ...facts, id }, { media: this.media, clock: bench.clock, log, dialer, peers });
      this.calls.set(id, call);
      // The bench's own user type notes; a call does more.
      return call as unknown as NotingUser;
    };
    bench.receive(fromAlice({ method: "INVITE", sequence: 1, body: offer }));
    const call = this.calls.get("c1");
    if (call === undefined) throw new TypeError("no call was made");
    this.call = call;
    call.listen((event) => this.events.push(event));
    call.perform({ name: "ANSWER" }, () => {});
    this.tag = bench.sent().at(-1)?.to.tag;
    bench.receive(fromAlice({ method: "ACK", sequence: 1, toTag: this.tag }));
    this.told();
  }

  perform(command: Command): { outcome: Outcome | undefined } {
    const result: { outcome: Outcome | undefined } = { outcome: undefined };
    this.call.perform(command, (outcome) => {
      if (result.outcome !== undefined) throw new TypeError("a command settled twice");
      result.outcome = outcome;
    });
    return result;
  }

  /** Alice sends a request within the call. */
  alice(method: string, headers: string[] = [], body = ""): void {
    const parts = { method, sequence: this.#sequence++, toTag: this.tag, headers, body };
    this.bench.receive(fromAlice({ ...parts, contentType: "message/sipfrag" }));
  }

  notify(line: string, state = "active;expires=60"): void {
    this.alice("NOTIFY", ["Event: refer", `Subscription-State: ${state}`], `${line}\r\n`);
  }

  /** Answers a request of ours. */
  answer(request: Request, status: number, headers: string[] = [], body = ""): void {
    const to = request.header("to") ?? "";
    const lines = [
      `SIP/2.0 ${status} Whatever`,
      `Via: ${request.header("via")}`,
      `From: ${request.header("from")}`,
      `To: ${to}${to.includes(";tag=") ? "" : ";tag=t1"}`,
      `Call-ID: ${request.callId}`,
      `CSeq: ${request.header("cseq")}`,
      "Contact: <sip:carol@192.0.2.7>",
      ...headers,
      ...(body === "" ? [] : ["Content-Type: application/sdp"]),
      `Content-Length: ${body.length}`,
      "",
      body,
    ];
    this.bench.receive(parsed(lines.join("\r\n")));
  }

  /** What was sent since the last time, a line each: `REFER`, `200 NOTIFY`, `NOTIFY SIP/2.0 100 Trying`. */
  sent(): string[] {
    return this.messages().map(lineOf);
  }

  messages(): (Request | Response)[] {
    return this.bench.sent();
  }

  request(method: string): Request {
    const found = this.messages().find((message) => message instanceof Request && message.method === method);
    if (!(found instanceof Request)) throw new TypeError(`no ${method} was sent`);
    return found;
  }

  told(): string[] {
    return this.events.splice(0).map(({ name, ...args }) => [name, ...Object.values(args)].join(" "));
  }
}

export function lineOf(message: Request | Response): string {
  if (message instanceof Response) return `${message.status} ${message.cseq.method}`;
  const body = Buffer.from(message.body).toString().trim();
  return message.method === "NOTIFY" ? `NOTIFY ${body} (${message.header("subscription-state")})` : message.method;
}
