/** Questions for packets on their way to a worker: their answers, or none when it ends. */
import { type PacketHeader, readPackets } from "./packet-ring.ts";

/** Questions that wait at a time; more are answered with nothing. */
const mostWaiting = 16;

export class PacketQuestions {
  readonly #waiting = new Map<number, (packets: PacketHeader[]) => void>();
  #last = 0;

  ask(send: (question: number) => void): Promise<PacketHeader[]> {
    if (this.#waiting.size >= mostWaiting) return Promise.resolve([]);
    const { promise, resolve } = Promise.withResolvers<PacketHeader[]>();
    this.#waiting.set(++this.#last, resolve);
    send(this.#last);
    return promise;
  }

  /** `rows`: in base64. */
  answer({ question, rows, hosts }: { question: number; rows: string; hosts: readonly string[] }): void {
    this.#waiting.get(question)?.(readPackets(Uint8Array.fromBase64(rows), hosts));
    this.#waiting.delete(question);
  }

  giveUp(): void {
    for (const resolve of this.#waiting.values()) resolve([]);
    this.#waiting.clear();
  }
}
