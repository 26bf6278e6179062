/** Rows for tests of stores. */
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
      instance: "",
      regId: 0,
      flow: "udp 192.0.2.1 5060 192.0.2.7 5060 udp-1",
      userAgent: "test/1",
      ...fields,
    },
    row() {
      const { aor, contact, params, callId, path, instance, regId, flow, userAgent } = this.fields;
      const { expires, refreshed, cseq, q, natted, direct } = this.fields;
      const numbers = [id, expires, refreshed, cseq, q, natted, direct];
      return [...numbers, aor, contact, params, callId, path, instance, regId, flow, userAgent].join("\n");
    },
  };
}
