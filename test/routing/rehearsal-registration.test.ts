/** A rehearsal of registrations goes through the authorizer and the registrar, in small steps. */
import { expect, test } from "bun:test";
import { registrationRehearsal } from "../../src/routing/rehearsal-registration.ts";

test("each registration of a rehearsal is challenged and then succeeds", () => {
  const play = registrationRehearsal(50);
  let steps = 0;
  for (;;) {
    const { done, value } = play.next();
    if (done) {
      expect(value).toBe(50);
      break;
    }
    steps++;
  }
  expect(steps).toBe(50);
});
