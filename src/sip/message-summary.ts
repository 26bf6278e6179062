/** What a mailbox says of itself: application/simple-message-summary (RFC 3842 §5.2). */

export interface MessageCount {
  readonly new: number;
  readonly old: number;
  /** Of these, how many are urgent. */
  readonly urgentNew: number;
  readonly urgentOld: number;
}

export interface MessageSummary {
  readonly waiting: boolean;
  /** The URI of the mailbox, where it is named. */
  readonly account: string | undefined;
  /** By kind in lower case: `voice-message`, `fax-message`, `text-message`, … */
  readonly counts: ReadonlyMap<string, MessageCount>;
}

/** Lines that are looked at; nobody has more kinds of messages. */
const mostLines = 64;

/** Undefined where the body does not say whether messages wait. */
export function parseMessageSummary(body: Uint8Array): MessageSummary | undefined {
  const text = Buffer.from(body.buffer, body.byteOffset, Math.min(body.byteLength, 65_536)).toString("latin1");
  let waiting: boolean | undefined;
  let account: string | undefined;
  const counts = new Map<string, MessageCount>();
  for (const line of text.split(/\r?\n/, mostLines)) {
    const colon = line.indexOf(":");
    // After an empty line come the fields of single messages.
    if (line === "" && waiting !== undefined) break;
    if (colon < 1) continue;
    const name = line.slice(0, colon).trim().toLowerCase();
    const value = line.slice(colon + 1).trim();
    if (name === "messages-waiting") waiting = value.toLowerCase() === "yes";
    else if (name === "message-account") account = value;
    else {
      const match =
        /^(\d{1,9})[ \t]*\/[ \t]*(\d{1,9})(?:[ \t]*\([ \t]*(\d{1,9})[ \t]*\/[ \t]*(\d{1,9})[ \t]*\))?$/.exec(value);
      if (match === null) continue;
      const [fresh, old, urgentNew, urgentOld] = match.slice(1).map((digits) => Number(digits ?? 0));
      counts.set(name, { new: fresh ?? 0, old: old ?? 0, urgentNew: urgentNew ?? 0, urgentOld: urgentOld ?? 0 });
    }
  }
  return waiting === undefined ? undefined : { waiting, account, counts };
}
