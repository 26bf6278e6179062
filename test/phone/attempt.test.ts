/** What is noted of a call, whatever its handler does meanwhile. */
import { describe, expect, test } from "bun:test";
import type { CallControl } from "../../src/call/control.ts";
import type { CallEvent } from "../../src/call/vocabulary.ts";
import { observe } from "../../src/phone/attempt.ts";
import { FakeCall } from "../support/fake-call.ts";

describe("an observed handler", () => {
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
    observe(slow, {}, ({ name }) => noted.push(name)).observed.start(call);
    call.emit({ name: "CONNECTED" });
    call.end();
    expect(noted).toEqual(["CONNECTED", "ENDED"]);
    control?.listen(({ name }: CallEvent) => heard.push(name));
    expect(heard).toEqual(["CONNECTED", "ENDED"]);
  });

  test("it gets the variables of its call, and what it returns or fails with is kept", async () => {
    const returns = { start: (given: CallControl) => given.finish({ type: "returned", value: '{"n":1}' }) };
    const fails = { start: (given: CallControl) => given.finish({ type: "failed", reason: "no" }) };
    let seen: unknown;
    const sees = {
      start: (given: CallControl) => {
        seen = given.facts.variables;
      },
    };
    const of = (handler: typeof returns) => {
      const { observed, finished } = observe(handler, { name: "Bob" }, () => {});
      observed.start(new FakeCall());
      return finished.promise;
    };
    void of(sees);
    expect(seen).toEqual({ name: "Bob" });
    expect(await of(returns)).toEqual({ value: { n: 1 } });
    expect(await of(fails)).toEqual({ error: "no" });
  });
});
