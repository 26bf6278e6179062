/** A server that cannot be had leaves nothing open behind it. */
import { expect, test } from "bun:test";
import { join } from "node:path";
import { createLog } from "../../src/log.ts";
import { startServer } from "../../src/server/index.ts";
import { openStore } from "../../src/store/index.ts";
import { SystemClock } from "../../src/transport/index.ts";
import { temporaryFolder } from "../support/peers/folder.ts";
import { configured } from "../support/server.ts";

test("a port that is taken leaves the store free for the next start", async () => {
  const log = createLog({ level: "error", format: "json", write: () => {} });
  const taken = await Bun.udpSocket({ hostname: "127.0.0.1" });
  const store = `sqlite:${join(temporaryFolder("store"), "siproc.db")}`;
  const listen = [{ transport: "udp", host: "127.0.0.1", port: taken.port }] as const;
  await expect(startServer(await configured({ listen, store }), { log })).rejects.toThrow("in use");
  taken.close();
  const clock = new SystemClock();
  await (await openStore(store, { log, clock })).close();
  clock.stop();
});
