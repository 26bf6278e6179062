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

export function formatCSeq(cseq: CSeq): string {
  return `${cseq.number} ${cseq.method}`;
}
