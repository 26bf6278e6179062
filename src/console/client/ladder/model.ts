/** A call's messages as a ladder: who stands where, and which arrow goes from whom to whom. Arithmetic alone. */
import type { CapturedMessage } from "../../../control/capture/capture.ts";

export interface Party {
  /** `udp:192.0.2.7:5060`; `siproc`: us. */
  readonly key: string;
  readonly label: string;
  /** Below the label. */
  readonly detail: string;
}

export type StepKind = "request" | "provisional" | "success" | "failure";

export interface Step {
  readonly message: CapturedMessage;
  /** Places among the parties. */
  readonly from: number;
  readonly to: number;
  readonly label: string;
  readonly kind: StepKind;
  /** The same message again (RFC 3261 §17). */
  readonly again: boolean;
  readonly sdp: boolean;
  /** ms since the message before. */
  readonly after: number;
}

export interface Ladder {
  readonly parties: readonly Party[];
  readonly steps: readonly Step[];
}

const us = "siproc";

/** @param messages - the oldest first. */
export function ladderOf(messages: readonly CapturedMessage[]): Ladder {
  const parties = partiesOf(messages);
  const places = new Map(parties.map(({ key }, index) => [key, index]));
  const here = places.get(us) ?? 0;
  const seen = new Set<string>();
  let before: number | undefined;
  const steps = messages.map((message) => {
    const there = places.get(keyOf(message)) ?? 0;
    const identity = `${message.direction}\n${keyOf(message)}\n${message.text}`;
    const again = seen.has(identity);
    seen.add(identity);
    const after = before === undefined ? 0 : message.at - before;
    before = message.at;
    return {
      message,
      from: message.direction === "received" ? there : here,
      to: message.direction === "received" ? here : there,
      label: labelOf(message),
      kind: kindOf(message),
      again,
      sdp: /\r?\ncontent-type[ \t]*:[ \t]*application\/sdp|\r?\nc[ \t]*:[ \t]*application\/sdp/i.test(message.text),
      after,
    };
  });
  return { parties, steps };
}

/** Who sent the first message, we, and whom we turned to: in this order. */
function partiesOf(messages: readonly CapturedMessage[]): readonly Party[] {
  const others = new Map<string, Party>();
  for (const message of messages) {
    const key = keyOf(message);
    if (others.has(key)) continue;
    const { remote, transport } = message;
    others.set(key, { key, label: address(remote), detail: transport.toUpperCase() });
  }
  const [first] = messages;
  const all = [...others.values()];
  const self = { key: us, label: "siproc", detail: first === undefined ? "" : address(first.local) };
  if (first?.direction === "sent") return [self, ...all];
  return [...all.slice(0, 1), self, ...all.slice(1)];
}

function keyOf({ transport, remote }: CapturedMessage): string {
  return `${transport}:${address(remote)}`;
}

function address({ host, port }: { host: string; port: number }): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

/** `INVITE`, `200 OK`, with the method of what is answered where it is not the INVITE. */
function labelOf({ summary, method, status }: CapturedMessage): string {
  if (status === undefined) return method;
  return method === "INVITE" ? summary : `${summary} (${method})`;
}

function kindOf({ status }: CapturedMessage): StepKind {
  if (status === undefined) return "request";
  if (status < 200) return "provisional";
  return status < 300 ? "success" : "failure";
}

export interface Place {
  readonly x1: number;
  readonly x2: number;
  /** Where the label's middle is. */
  readonly middle: number;
}

/** Where each party's line stands, in pixels. @param from - left of all lines. */
export function lines(parties: number, from: number, width: number): readonly number[] {
  const room = Math.max(0, width - from);
  return Array.from({ length: parties }, (_, index) => Math.round(from + (room * (index + 0.5)) / parties));
}
