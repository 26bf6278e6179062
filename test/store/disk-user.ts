/** Writes into the store that its argument names until that fails, then goes on until it no longer does: for a test. */
import type { Log } from "../../src/log.ts";
import { openStore } from "../../src/store/index.ts";
import { SystemClock } from "../../src/transport/system-clock.ts";
import { storedBinding } from "./support.ts";

const say =
  (level: string): Log["info"] =>
  (message, fields) =>
    console.log(level, message, fields?.reason ?? "");
const log: Log = { debug: () => {}, info: say("info"), warn: say("warn"), error: say("error"), with: () => log };

const store = await openStore(`sqlite:${process.argv[2]}`, { log, clock: new SystemClock() });
const bindings = Array.from({ length: 3000 }, (_, id) => storedBinding(id + 1, { userAgent: "x".repeat(100) }));
for (const binding of bindings) store.bindings.put(binding);
await store.flush();
console.log("failing", store.state.failure);
for (const binding of bindings) {
  binding.fields = { ...binding.fields, cseq: 2 };
  store.bindings.put(binding);
}
while (store.state.waiting > 0) await store.flush();
await store.close();
console.log(`closed, ${store.state.waiting} waiting`);
process.exit(0);
