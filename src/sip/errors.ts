/** The errors of the message layer: what came is malformed, or what is to be sent would be. */

/** A header that somebody asked for is missing or not of its grammar. `checkRequest` and `checkResponse` find this before. */
export class MalformedHeader extends Error {
  override readonly name = "MalformedHeader";
  readonly code = "malformed-header";
  /** The header's name in lower case. */
  readonly header: string;
  constructor(header: string, value: string | undefined) {
    super(value === undefined ? `no ${header} header` : `malformed ${header} header: ${value.slice(0, 200)}`);
    this.header = header;
  }
}

/** A value that must not go into a message: it holds CR, LF, NUL or a char beyond one octet, or is not of its grammar. */
export class InvalidHeaderValue extends Error {
  override readonly name = "InvalidHeaderValue";
  readonly code = "invalid-header-value";
  /** The header name, or the part of the start line or of the header. */
  readonly part: string;
  constructor(part: string, value: string) {
    super(`${part} cannot be sent as ${JSON.stringify(value.slice(0, 200))}`);
    this.part = part;
  }
}
