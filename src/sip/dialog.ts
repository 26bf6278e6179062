/** Dialogs of RFC 3261 §12: how two user agents find each other again, and the order of their requests. */
import type { HeaderList, Message, Request, Response } from "./message.ts";
import type { Uri } from "./uri.ts";

/** The dialog ID (RFC 3261 §12) as one string. Tags are case-insensitive (§7.3.1), a Call-ID is not. */
export declare function dialogKey(callId: string, localTag: string, remoteTag: string): string;

/** The key of the dialog that a received request belongs to; undefined for a request outside of any dialog. */
export declare function dialogKeyOf(request: Request): string | undefined;

export type DialogState = "early" | "confirmed" | "terminated";

/** Why a request cannot make, or cannot be taken by, a dialog: the response to give. */
export interface Refusal {
  status: number;
  reason: string;
}

export interface InDialogParts {
  /** The value of the Via header field: `topVia` makes it. */
  via: string;
  /** The value of the Contact header field; needed in target refresh requests. */
  contact?: string | undefined;
  headers?: HeaderList | undefined;
  body?: Uint8Array | undefined;
}

export declare class Dialog {
  /** UAS (§12.1.1): the dialog that a response with `localTag` to this INVITE (or SUBSCRIBE, REFER) makes. */
  static fromRequest(request: Request, options: { localTag: string; tls: boolean; confirmed?: boolean }): Dialog | Refusal;
  /** UAC (§12.1.2): the dialog that this response makes; undefined when it makes none (100, 3xx…, 1xx without a To tag). */
  static fromResponse(request: Request, response: Response, options: { tls: boolean }): Dialog | undefined;

  readonly callId: string;
  readonly localTag: string;
  /** Empty when the peer speaks RFC 2543 and has none. */
  readonly remoteTag: string;
  readonly key: string;
  /** From and To as we send them, with tags. */
  readonly localId: string;
  readonly remoteId: string;
  readonly secure: boolean;
  get state(): DialogState;
  get localSequence(): number | undefined;
  get remoteSequence(): number | undefined;
  get remoteTarget(): Uri;
  /** The Route header field values, in the order of sending. */
  get routeSet(): readonly string[];

  /** A request of the next sequence number; for ACK use `ack`. */
  request(method: string, parts: InDialogParts): Request;
  /** The ACK for the 2xx to the INVITE numbered `sequence` (§13.2.2.4). */
  ack(sequence: number, parts: InDialogParts): Request;
  /** Where `request` and `ack` are to be sent: the first route, or the remote target. */
  nextHop(): Uri;
  /** Checks and notes the order of a request in this dialog (§12.2.2). */
  receive(request: Request): "ok" | Refusal;
  /** After a 2xx was received for, or sent to, a target refresh request: takes over the peer's new Contact. Pass the peer's message. */
  refreshTarget(message: Message): void;
  /** Early to confirmed; a UAC passes the 2xx, whose route set counts (§13.2.2.4). */
  confirm(response?: Response): void;
  terminate(): void;
}
