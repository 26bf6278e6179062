/** What the words of tables/sound.ts do. */
import { pressKeys } from "../keys.ts";
import type { soundCommands } from "../tables/sound.ts";
import { ok, type Performers } from "./performer.ts";

export const soundPerformers: Performers<keyof typeof soundCommands> = {
  PLAY: (call, command, done) => {
    const { file, loop, volume, start } = command;
    call.withAudio(command, done, (audio) => audio.play(call.track(command, done), file, { loop, volume, start }));
  },
  STOP: (call, _command, done) => {
    if (!call.sayings.stop()) call.audio?.stop();
    done(ok);
  },
  PAUSE: (call, command, done) => {
    call.audio?.pause(command.on ?? true);
    done(ok);
  },
  SEEK: (call, command, done) => {
    call.audio?.seek(command.position);
    done(ok);
  },
  VOLUME: (call, command, done) => {
    call.audio?.volume(command.volume);
    done(ok);
  },
  DTMF: (call, command, done) => {
    call.withAudio(command, done, (audio) => pressKeys(call, audio, command, done));
  },
  RECORD: (call, command, done) => {
    const { file, max, silence } = command;
    call.withAudio(command, done, (audio) => {
      if (file === undefined && call.recordings.size === 0) return done(ok);
      if (file !== undefined) call.recordings.add(file);
      call.track(command, done);
      audio.record(file, call.stereo ? "stereo" : "mono", { max, silence });
    });
  },
};
