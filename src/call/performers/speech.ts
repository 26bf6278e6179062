/** What the words of tables/speech.ts do. */
import { failed } from "../call.ts";
import { whyNotListen } from "../gather-speech.ts";
import { Recognition } from "../recognition.ts";
import type { speechCommands } from "../tables/speech.ts";
import type { Performers } from "./performer.ts";

export const speechPerformers: Performers<keyof typeof speechCommands> = {
  SAY: (call, command, done) => {
    call.withAudio(command, done, () => {
      if (call.sayings.full) return done(failed(command, "too many texts are being spoken already"));
      call.sayings.start(call.track(command, done), command);
    });
  },
  RECOGNIZE: (call, command, done) => {
    call.withAudio(command, done, () => {
      const fault = whyNotListen(call);
      if (fault !== undefined) return done(failed(command, fault));
      const { timeout = 10_000, silence = 800, max = 30_000, language, engine } = command;
      const id = call.track(command, done);
      try {
        new Recognition(
          call,
          { timeout, silence, max, language, engine },
          {
            speaking: () => {},
            done: (recognized) => call.settle(id, { ok: true, value: recognized }),
            failed: (reason) => call.settle(id, failed(command, reason)),
          },
        );
      } catch (error) {
        call.settle(id, failed(command, error instanceof Error ? error.message : String(error)));
      }
    });
  },
};
