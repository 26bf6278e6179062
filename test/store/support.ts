/** Rows for tests of stores, and another process that opens one. */
import { join } from "node:path";
import type { BindingRow, SavingState, StoredBinding } from "../../src/store/index.ts";

export interface TestBinding extends StoredBinding {
  fields: BindingRow;
}

/** A binding whose fields a test can change. */
export function storedBinding(id: number, fields: Partial<BindingRow> = {}): TestBinding {
  return {
    id,
    saving: "new" as SavingState,
    fields: {
      id,
      expires: 1_700_000_000_000 + id,
      refreshed: 1_690_000_000_000,
      cseq: 1,
      q: 1,
      natted: 0,
      direct: 1,
      aor: `user${id}@example.com`,
      contact: `sip:user${id}@192.0.2.7:5060`,
      params: "",
      callId: `call-${id}`,
      path: "",
      regId: 0,
      flow: "udp 192.0.2.1 5060 192.0.2.7 5060 udp-1",
      userAgent: "test/1",
      ...fields,
    },
    row() {
      const { aor, contact, params, callId, path, regId, flow, userAgent } = this.fields;
      const { expires, refreshed, cseq, q, natted, direct } = this.fields;
      const numbers = [id, expires, refreshed, cseq, q, natted, direct];
      return [...numbers, aor, contact, params, callId, path, regId, flow, userAgent].join("\n");
    },
  };
}

/** What another process, perhaps of another user, is told when it opens a store: the code and message, or "opened". */
export function openElsewhere(file: string, uid?: number): string {
  const program = `
    import { openStore } from ${JSON.stringify(join(import.meta.dir, "../../src/store/index.ts"))};
    const log = { info() {}, warn() {}, error() {} };
    const clock = { now: () => 0, after: () => ({ cancel() {} }) };
    try {
      await openStore(${JSON.stringify(`sqlite:${file}`)}, { log, clock });
      console.log("opened");
    } catch (error) {
      console.log(error.code, error.message);
    }
    process.exit(0);
  `;
  const become = uid === undefined ? [] : ["setpriv", `--reuid=${uid}`, `--regid=${uid}`, "--clear-groups"];
  const run = Bun.spawnSync([...become, process.execPath, "-e", program], { env: { ...process.env, HOME: "/tmp" } });
  return run.stdout.toString().trim() || run.stderr.toString();
}
