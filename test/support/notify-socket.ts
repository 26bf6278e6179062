/** The socket of a service manager, such as systemd's, and what it was told. */
import { AF_UNIX, libc, MSG_DONTWAIT, memory, SOCK_CLOEXEC, SOCK_DGRAM } from "../../src/libc.ts";
import { socketAddress } from "../../src/service-manager.ts";
import { until } from "./peers/until.ts";

export class NotifySocket {
  readonly name: string;
  readonly #heard: string[] = [];
  readonly #socket: number;

  /** `name` is a path, or an abstract name that begins with @. */
  constructor(name: string) {
    this.name = name;
    const of = libc();
    const address = socketAddress(name);
    if (of === undefined || address === undefined) throw new TypeError(`${name}: no socket can be had there`);
    const at = memory(address.length);
    at.octets.set(address);
    this.#socket = of.socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (of.bind(this.#socket, at.at, address.length) !== 0) throw new TypeError(`${name} cannot be bound`);
  }

  /** Every assignment so far, such as READY=1. */
  get heard(): readonly string[] {
    const of = libc();
    const into = memory(4096);
    for (;;) {
      const size = of?.recvfrom(this.#socket, into.at, into.octets.length, MSG_DONTWAIT, null, null) ?? -1;
      if (size < 0) return this.#heard;
      this.#heard.push(...new TextDecoder().decode(into.octets.subarray(0, size)).trimEnd().split("\n"));
    }
  }

  /** The first assignment from the `from`th on that matches. */
  async assignment(pattern: RegExp, from = 0): Promise<string> {
    return await until(String(pattern), () => this.heard.slice(from).find((line) => pattern.test(line)));
  }

  close(): void {
    libc()?.close(this.#socket);
  }
}
