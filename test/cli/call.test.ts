/** What `siproc call` notes of its call, whatever the handler does meanwhile. */
import { describe, expect, test } from "bun:test";
import type { CallControl } from "../../src/call/control.ts";
import type { CallEvent } from "../../src/call/vocabulary.ts";
import { noting } from "../../src/cli/call.ts";
import { FakeCall } from "../support/fake-call.ts";

describe("a noted handler", () => {
  test("events count from the first on, even when the handler is not ready to listen before the call has ended", () => {
    const noted: string[] = [];
    const heard: string[] = [];
    let control: CallControl | undefined;
    const slow = {
      start: (given: CallControl) => {
        control = given;
      },
    };
    const call = new FakeCall();
    noting(slow, ({ name }) => noted.push(name)).start(call);
    call.emit({ name: "CONNECTED" });
    call.end();
    expect(noted).toEqual(["CONNECTED", "ENDED"]);
    control?.listen(({ name }: CallEvent) => heard.push(name));
    expect(heard).toEqual(["CONNECTED", "ENDED"]);
  });
});
