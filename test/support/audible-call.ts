/** A call in virtual time that is answered, with audio that notes what it is told. */

import type { CallSurroundings } from "../../src/call/call.ts";
import { Call, type CallEvent, type Command, type Outcome } from "../../src/call/index.ts";
import { createLog } from "../../src/log.ts";
import { AgentBench, fromAlice, offer } from "./agent.ts";
import { FakeMedia } from "./fake-media.ts";
import { until } from "./peers/until.ts";

const facts = {
  id: "c1",
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

export class AudibleCall {
  readonly bench = new AgentBench();
  readonly media = new FakeMedia();
  readonly events: CallEvent[] = [];
  readonly call: Call;

  constructor(surroundings: Partial<CallSurroundings> = {}) {
    let made: Call | undefined;
    this.bench.adopt = (session) => {
      made = new Call(session, facts, {
        media: this.media,
        clock: this.bench.clock,
        log: createLog({ level: "error", format: "json", write: () => {} }),
        ...surroundings,
      });
      // The bench's own user type notes; a call does more.
      return made as unknown as ReturnType<AgentBench["adopt"]>;
    };
    this.bench.receive(fromAlice({ method: "INVITE", sequence: 1, body: offer }));
    if (made === undefined) throw new TypeError("no call was made");
    this.call = made;
    this.call.listen((event) => this.events.push(event));
    this.perform({ name: "ANSWER" });
    this.bench.receive(fromAlice({ method: "ACK", sequence: 1, toTag: this.bench.sent().at(-1)?.to.tag }));
    this.events.splice(0);
    this.media.session.take();
  }

  /** Performs a command; the result tells its outcome once there is one. */
  perform(command: Command): { outcome: Outcome | undefined } {
    const result: { outcome: Outcome | undefined } = { outcome: undefined };
    this.call.perform(command, (outcome) => {
      if (result.outcome !== undefined) throw new TypeError("a command settled twice");
      result.outcome = outcome;
    });
    return result;
  }

  hangUp(): void {
    this.bench.receive(fromAlice({ method: "BYE", sequence: 9, toTag: this.call.session.localTag }));
  }

  /** The first event of that name; waits for it. */
  event<N extends CallEvent["name"]>(name: N): Promise<Extract<CallEvent, { name: N }>> {
    return until(name, () =>
      this.events.find((event): event is Extract<CallEvent, { name: N }> => event.name === name),
    );
  }

  /** The names of the events so far. */
  get names(): string[] {
    return this.events.map(({ name }) => name);
  }
}
