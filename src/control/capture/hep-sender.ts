/** Sends captured messages to a capture server by HEP over UDP: written and forgotten, nobody waits for it. */
import dns from "node:dns/promises";
import { isIP } from "node:net";
import type { Log } from "../../log.ts";
import { bindUdp, type UdpSocket } from "../../udp.ts";
import type { HepSettings } from "../keeping.ts";
import type { CaptureControl, CapturedMessage } from "./capture.ts";
import { hepPacket } from "./hep.ts";

/** How long the address of the server's name holds, ms, and when one that is not known is asked for again. */
const addressTime = 60_000;
/** Messages that wait for the address, or the socket's buffer. */
const mostWaiting = 1000;

export type Lookup = (host: string) => Promise<string>;

export class HepSender {
  readonly #settings: HepSettings;
  readonly #log: Log;
  readonly #lookup: Lookup;
  readonly #unfollow: () => void;
  #address: string | undefined;
  readonly #sockets = new Map<4 | 6, UdpSocket>();
  #waiting: CapturedMessage[] = [];
  #lost = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #closed = false;

  constructor(settings: HepSettings, capture: CaptureControl, log: Log, lookup: Lookup = systemLookup) {
    this.#settings = settings;
    this.#log = log;
    this.#lookup = lookup;
    this.#unfollow = capture.follow({}, (message) => this.#take(message));
    void this.#resolve();
  }

  /** Messages that could not be sent. */
  get lost(): number {
    return this.#lost;
  }

  close(): void {
    this.#closed = true;
    this.#unfollow();
    clearTimeout(this.#timer);
    for (const socket of this.#sockets.values()) socket.close();
    this.#sockets.clear();
  }

  #take(message: CapturedMessage): void {
    const address = this.#address;
    const socket = address === undefined ? undefined : this.#sockets.get(isIP(address) === 6 ? 6 : 4);
    if (address === undefined || socket === undefined) {
      if (this.#waiting.length < mostWaiting) this.#waiting.push(message);
      else this.#lost++;
      return;
    }
    if (!socket.send(hepPacket(message, this.#settings), this.#settings.server.port, address)) this.#lost++;
  }

  async #resolve(): Promise<void> {
    const { host } = this.#settings.server;
    try {
      const address = isIP(host) === 0 ? await this.#lookup(host) : host;
      await this.#open(isIP(address) === 6 ? 6 : 4);
      if (this.#closed) return;
      this.#address = address;
      for (const message of this.#waiting.splice(0)) this.#take(message);
    } catch (error) {
      if (this.#closed) return;
      const reason = error instanceof Error ? error.message : String(error);
      this.#log.warn("messages are not sent to the capture server of hep:", { host, reason });
      this.#lost += this.#waiting.splice(0).length;
    }
    if (this.#closed || isIP(host) !== 0) return;
    this.#timer = setTimeout(() => void this.#resolve(), addressTime);
    this.#timer.unref();
  }

  async #open(family: 4 | 6): Promise<void> {
    if (this.#sockets.has(family)) return;
    const socket = await bindUdp({ host: family === 6 ? "::" : "0.0.0.0", port: 0, onPacket: () => {} });
    if (this.#closed) socket.close();
    else this.#sockets.set(family, socket);
  }
}

const systemLookup: Lookup = async (host) => (await dns.lookup(host)).address;
