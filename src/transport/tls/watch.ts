/** Looks whether files of certificates have changed: who renews them need not tell us. */
import { statSync } from "node:fs";
import type { Clock, Timer } from "../../sip/clock.ts";
import type { TlsSettings } from "../contract.ts";

/** How often, in ms. */
export const watchInterval = 60_000;

export class CertificateWatch {
  readonly #clock: Clock;
  readonly #changed: (settings: TlsSettings) => void;
  #settings: TlsSettings;
  #seen: string;
  #timer: Timer;

  /** `changed` is called once for each change that is seen. Must not throw. */
  constructor(clock: Clock, settings: TlsSettings, changed: (settings: TlsSettings) => void) {
    this.#clock = clock;
    this.#changed = changed;
    this.#settings = settings;
    this.#seen = stateOf(settings);
    this.#timer = clock.after(watchInterval, this.#look);
  }

  /** These files from now on, as they are now. */
  use(settings: TlsSettings): void {
    this.#settings = settings;
    this.#seen = stateOf(settings);
  }

  close(): void {
    this.#timer.cancel();
  }

  readonly #look = (): void => {
    this.#timer = this.#clock.after(watchInterval, this.#look);
    const state = stateOf(this.#settings);
    if (state === this.#seen) return;
    // Also where it turns out to be unusable: half a renewal is followed by the other half, which is a change again.
    this.#seen = state;
    this.#changed(this.#settings);
  };
}

function stateOf({ cert, key, ca, names }: TlsSettings): string {
  const files = [cert, key, ...(ca === undefined ? [] : [ca]), ...names.flatMap((each) => [each.cert, each.key])];
  return files.map(fileState).join("\n");
}

function fileState(file: string): string {
  try {
    const { ino, mtimeMs, size } = statSync(file);
    return `${ino} ${mtimeMs} ${size}`;
  } catch {
    return "-";
  }
}
