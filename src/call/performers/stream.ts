/** What the words of tables/stream.ts do. */
import { failed } from "../call.ts";
import { Stream } from "../stream/stream.ts";
import { parseStreamUrl } from "../stream/target.ts";
import type { streamCommands } from "../tables/stream.ts";
import { ok, type Performers } from "./performer.ts";

export const streamPerformers: Performers<keyof typeof streamCommands> = {
  STREAM: (call, command, done) => {
    const running = [...call.attachments].find((one) => one instanceof Stream);
    if (command.url === undefined) {
      running?.stop();
      return done(ok);
    }
    const target = parseStreamUrl(command.url);
    if (target === undefined) return done(failed(command, "its URL cannot be read"));
    const format = command.format ?? (target.dialect === "audiosocket" ? "L16/8000" : "L16/16000");
    if (target.dialect === "audiosocket" && !format.startsWith("L16/"))
      return done(failed(command, "AudioSocket carries L16 only"));
    if (running !== undefined) return done(failed(command, "another STREAM is still running"));
    call.withAudio(command, done, (audio) => {
      const id = call.track(command, done);
      const start = { facts: call.facts, format, data: command.data, token: command.token };
      const stream = new Stream(call, audio, target, start, ({ reason, why }) =>
        call.settle(id, reason === "failed" ? failed(command, why) : ok),
      );
      call.attachments.add(stream);
    });
  },
};
