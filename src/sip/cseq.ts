/** The CSeq header (RFC 3261 §20.16). */
import { isLws, isToken } from "./text.ts";

export interface CSeq {
  /** 0 … 2^32-1; RFC 3261 §8.1.1.5 keeps below 2^31, RFC 4475 §3.1.2.4 asks to refuse only from 2^32. */
  readonly number: number;
  readonly method: string;
}

export function parseCSeq(text: string): CSeq | undefined {
  let at = 0;
  let number = 0;
  for (; at < text.length; at++) {
    const digit = text.charCodeAt(at) - 0x30;
    if (digit < 0 || digit > 9) break;
    number = number * 10 + digit;
    if (number > 0xffffffff) return undefined;
  }
  if (at === 0 || !isLws(text.charCodeAt(at))) return undefined;
  while (isLws(text.charCodeAt(at))) at++;
  const method = text.slice(at);
  return isToken(method) ? { number, method } : undefined;
}

const methods = ["INVITE", "ACK", "BYE", "REGISTER", "OPTIONS", "CANCEL", "MESSAGE", "SUBSCRIBE", "NOTIFY", "UPDATE"];

/** The CSeq that stands in `text` from one index to the other, where it is as usual: a short number, a space, a usual method. */
export function readPlainCSeq(text: string, from: number, to: number): CSeq | undefined {
  let at = from;
  let number = 0;
  for (; at < to && at < from + 9; at++) {
    const digit = text.charCodeAt(at) - 0x30;
    if (digit < 0 || digit > 9) break;
    number = number * 10 + digit;
  }
  if (at === from || text.charCodeAt(at) !== 0x20) return undefined;
  at++;
  const method = usualMethod(text, at, to);
  return method === undefined ? undefined : { number, method };
}

/** The method that stands in `text` from one index to the other, if it is one of the usual ones. */
export function usualMethod(text: string, from: number, to: number): string | undefined {
  for (const method of methods) if (method.length === to - from && text.startsWith(method, from)) return method;
  return undefined;
}

export function formatCSeq(cseq: CSeq): string {
  return `${cseq.number} ${cseq.method}`;
}
