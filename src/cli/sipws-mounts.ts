/** SIPWS's requests beside the rest of `control:`, where its clients post them and where nothing else is. */
import type { Mount } from "../control/http/mount.ts";
import type { ControlSettings } from "../control/settings.ts";
import type { Log } from "../log.ts";
import type { Server } from "../server/index.ts";

export interface SipwsMountsOptions {
  readonly server: Pick<Server, "accounts" | "gate">;
  readonly log: Log;
  /** As they are by now: a reload changes keys. */
  readonly settings: () => ControlSettings;
}

export async function sipwsMounts({ server, log, settings }: SipwsMountsOptions): Promise<Mount[]> {
  const { sipwsMount } = await import("../control/sipws/mount.ts");
  const { accounts, gate } = server;
  // The accounts are in the server's store, which knows no version of all of them.
  const home = { domain: "", ip: "", version: 0 };
  const options = { accounts, gate, home, log, keys: () => settings().keys, open: () => settings().keys.length === 0 };
  return [sipwsMount("/sipws", { ...options, get: "key" }), sipwsMount("/", { ...options, get: "others" })];
}
