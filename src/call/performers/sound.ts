/** What the words of tables/sound.ts do. */
import { failed } from "../call.ts";
import { pressKeys } from "../keys.ts";
import { isSoundUrl, RemoteSoundError, RemoteSounds } from "../remote-sounds.ts";
import type { soundCommands } from "../tables/sound.ts";
import { ok, type Performers } from "./performer.ts";

/** What calls have fetched lately, for all of them. */
const sounds = new RemoteSounds();

export const soundPerformers: Performers<keyof typeof soundCommands> = {
  PLAY: (call, command, done) => {
    const { file, loop, volume, start } = command;
    const options = { loop, volume, start };
    call.withAudio(command, done, (audio) => {
      const id = call.track(command, done);
      if (!isSoundUrl(file)) return audio.play(id, file, options);
      call.fetching.push(id);
      const wanted = () => {
        const at = call.fetching.indexOf(id);
        if (at >= 0) call.fetching.splice(at, 1);
        return at >= 0 && call.tracks(id);
      };
      sounds.fetch(file).then(
        (path) => wanted() && audio.play(id, file, { ...options, path }),
        (error: unknown) => {
          const reason = error instanceof RemoteSoundError ? error.message : String(error);
          if (wanted()) call.settle(id, failed(command, reason));
        },
      );
    });
  },
  STOP: (call, _command, done) => {
    // What is still on its way was started last, as a rule.
    const fetching = call.fetching.pop();
    if (fetching !== undefined) call.settle(fetching);
    else if (!call.sayings.stop()) call.audio?.stop();
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
