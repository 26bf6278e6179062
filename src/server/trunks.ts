/** The accounts of ours elsewhere: begun, kept or ended as the configuration says, and found by calls that come and go. */
import { isDeepStrictEqual } from "node:util";
import type { TrunkSettings } from "../config/config.ts";
import type { StatusTrunk } from "../control/status.ts";
import type { Flow } from "../sip/flow.ts";
import type { Request } from "../sip/message.ts";
import { isSipUri, type Uri } from "../sip/uri.ts";
import { Trunk, type TrunkParts } from "./trunk.ts";

export class Trunks {
  readonly #parts: TrunkParts;
  #trunks: Trunk[] = [];
  /** Those that were taken out of the configuration and have not said goodbye yet. */
  readonly #leaving = new Set<Promise<void>>();

  constructor(parts: TrunkParts) {
    this.#parts = parts;
  }

  /** Takes over a configuration: a trunk that has not changed stays registered as it is. */
  use(settings: readonly TrunkSettings[]): void {
    const old = this.#trunks;
    this.#trunks = settings.map(
      (each) => old.find((trunk) => isDeepStrictEqual(trunk.settings, each)) ?? new Trunk(each, this.#parts),
    );
    for (const trunk of old) if (!this.#trunks.includes(trunk)) this.#leave(trunk);
  }

  find(name: string): Trunk | undefined {
    return this.#trunks.find((trunk) => trunk.name === name);
  }

  /** The trunk that a request came by. */
  bringing(request: Request, flow: Flow): Trunk | undefined {
    return this.#trunks.find((trunk) => trunk.brought(request, flow));
  }

  /** The trunk whose domain a URI names. */
  leadingTo(uri: Uri): Trunk | undefined {
    return isSipUri(uri) ? this.#trunks.find((trunk) => trunk.leadsTo(uri)) : undefined;
  }

  /** A connection is gone: what was registered over it is registered anew. */
  closed(flow: Flow): void {
    for (const trunk of this.#trunks) trunk.closed(flow);
  }

  status(): StatusTrunk[] {
    return this.#trunks.map((trunk) => trunk.status());
  }

  /** Takes all registrations back; resolves when the registrars have said so, or will not. */
  async stop(): Promise<void> {
    for (const trunk of this.#trunks.splice(0)) this.#leave(trunk);
    await Promise.all(this.#leaving);
  }

  #leave(trunk: Trunk): void {
    const left = trunk.stop();
    this.#leaving.add(left);
    void left.then(() => this.#leaving.delete(left));
  }
}
