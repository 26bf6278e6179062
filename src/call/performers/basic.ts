/** What the words of tables/basic.ts do. */
import { encodeUtf8 } from "../../sip/text.ts";
import { failed } from "../call.ts";
import { gatherWithSpeech, whyNotListen } from "../gather-speech.ts";
import type { basicCommands } from "../tables/basic.ts";
import type { Gathered } from "../vocabulary.ts";
import { ok, type Performers, settled } from "./performer.ts";

export const basicPerformers: Performers<keyof typeof basicCommands> = {
  RINGING: (call, command, done) => call.session.ring(settled(command, done)),
  EARLY: (call, command, done) => call.session.early(settled(command, done)),
  ANSWER: (call, command, done) => call.session.accept(settled(command, done)),
  REJECT: (call, command, done) => {
    const reason = command.reason === undefined ? undefined : encodeUtf8(command.reason);
    call.session.reject(command.code ?? 603, reason, settled(command, done));
  },
  REDIRECT: (call, command, done) => call.session.redirect(command.uri, settled(command, done)),
  HANGUP: (call, command, done) => {
    call.track(command, done);
    call.session.end({ by: "local", cause: "hangup", code: 480 });
  },
  STEREO: (call, command, done) => {
    call.stereo = command.on ?? true;
    done(ok);
  },
  MESSAGE: (call, command, done) => call.session.message(command.text, settled(command, done)),
  HOLD: (call, command, done) => call.session.hold(true, settled(command, done)),
  RESUME: (call, command, done) => call.session.hold(false, settled(command, done)),
  MUTE: (call, command, done) => {
    call.withAudio(command, done, (audio) => {
      audio.mute(command.on ?? true);
      done(ok);
    });
  },
  ECHO: (call, command, done) => {
    call.withAudio(command, done, (audio) => {
      audio.echo(command.on ?? true);
      done(ok);
    });
  },
  GATHER: (call, command, done) => {
    if (call.gatherer.busy) return done(failed(command, "another GATHER is still running"));
    const terminator = command.terminator ?? "#";
    const rules = {
      max: command.max ?? 32,
      terminator: terminator === "none" ? "" : terminator.toUpperCase(),
      timeout: command.timeout ?? 10_000,
      interdigit: command.interdigit ?? 4_000,
    };
    const ended = (id: number) => (gathered: Gathered) => {
      const { digits, reason } = gathered;
      call.emit({ name: "GATHERED", digits, reason });
      call.settle(id, { ok: true, value: gathered });
    };
    if (!command.speech) return call.gatherer.start(rules, ended(call.track(command, done)));
    call.withAudio(command, done, () => {
      const fault = whyNotListen(call);
      if (fault !== undefined) return done(failed(command, fault));
      const id = call.track(command, done);
      const failure = gatherWithSpeech(call, command, rules, ended(id));
      if (failure !== undefined) call.settle(id, failed(command, failure));
    });
  },
};
