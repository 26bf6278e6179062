/** A question to a STUN server: under which address am I seen? (RFC 8489 §12: Binding, without credentials.) */
import { mappedAddress } from "./stun.ts";

const bindingRequest = 0x0001;
const bindingSuccess = 0x0101;
const cookie = 0x2112a442;
const headerLength = 20;
const xorMappedAddress = 0x0020;

/** `transaction`: 12 unpredictable octets; who does not know them cannot answer. */
export function writeBinding(transaction: Uint8Array): Uint8Array {
  const request = new Uint8Array(headerLength);
  const view = new DataView(request.buffer);
  view.setUint16(0, bindingRequest);
  view.setUint32(4, cookie);
  request.set(transaction, 8);
  return request;
}

/** The address in the success response to that request; undefined for any other datagram. */
export function readBinding(
  datagram: Uint8Array,
  transaction: Uint8Array,
): { readonly host: string; readonly port: number } | undefined {
  if (datagram.length < headerLength) return undefined;
  const view = new DataView(datagram.buffer, datagram.byteOffset, datagram.length);
  if (view.getUint16(0) !== bindingSuccess || view.getUint32(4) !== cookie) return undefined;
  if (view.getUint16(2) + headerLength !== datagram.length) return undefined;
  if (!transaction.every((octet, at) => datagram[8 + at] === octet)) return undefined;
  for (let at = headerLength; at + 4 <= datagram.length; ) {
    const length = view.getUint16(at + 2);
    if (at + 4 + length > datagram.length) return undefined;
    if (view.getUint16(at) === xorMappedAddress) return mappedAddress(datagram, at + 4, length);
    at += 4 + ((length + 3) & ~3);
  }
  return undefined;
}
