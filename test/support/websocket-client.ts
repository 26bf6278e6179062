/** The client's side of WebSocket frames (RFC 6455 §5), good and bad ones, as octets. */

export const opcode = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;

export interface FrameOptions {
  opcode?: number;
  final?: boolean;
  /** The three reserved bits. */
  reserved?: number;
  masked?: boolean;
  /** What the header says of the length, where that is not the truth. */
  length?: number;
}

/** One frame, masked as a client's must be. */
export function clientFrame(payload: string | Uint8Array, options: FrameOptions = {}): Uint8Array {
  const bytes = Buffer.from(payload);
  const mask = Uint8Array.of(0x37, 0xfa, 0x21, 0x3d);
  const masked = options.masked !== false;
  const length = options.length ?? bytes.length;
  const first = (options.final === false ? 0 : 0x80) | ((options.reserved ?? 0) << 4) | (options.opcode ?? opcode.text);
  const head = [first, masked ? 0x80 : 0];
  if (length < 126) head[1] = (head[1] ?? 0) | length;
  else if (length < 65_536) {
    head[1] = (head[1] ?? 0) | 126;
    head.push(length >> 8, length & 255);
  } else {
    head[1] = (head[1] ?? 0) | 127;
    const wide = Buffer.alloc(8);
    wide.writeBigUInt64BE(BigInt(length));
    head.push(...wide);
  }
  if (!masked) return Buffer.concat([Uint8Array.from(head), bytes]);
  return Buffer.concat([Uint8Array.from(head), mask, bytes.map((octet, at) => octet ^ (mask[at % 4] ?? 0))]);
}

/** A whole opening handshake, with `changes` to its header fields; undefined removes one. */
export function upgradeRequest(
  changes: Readonly<Record<string, string | undefined>> = {},
  start = "GET / HTTP/1.1",
): string {
  const fields = {
    Host: "127.0.0.1",
    Upgrade: "websocket",
    Connection: "keep-alive, Upgrade",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Protocol": "sip",
    ...changes,
  };
  const lines = Object.entries(fields).flatMap(([name, value]) => (value === undefined ? [] : [`${name}: ${value}`]));
  return `${[start, ...lines].join("\r\n")}\r\n\r\n`;
}
