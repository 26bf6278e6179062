/** What the words of tables/headers.ts do. */
import { encodeUtf8 } from "../../sip/text.ts";
import { failed } from "../call.ts";
import type { headerCommands } from "../tables/headers.ts";
import { ok, type Performers } from "./performer.ts";

/** A message is to stay a message. */
const most = 32;

export const headerPerformers: Performers<keyof typeof headerCommands> = {
  HEADER: (call, command, done) => {
    const { session } = call;
    const { field, value } = command;
    const others = session.headers.filter(([own]) => own.toLowerCase() !== field.toLowerCase());
    if (value !== undefined && others.length === most)
      return done(failed(command, `${most} header fields are set already`));
    session.headers = value === undefined ? others : [...others, [field, encodeUtf8(value)]];
    done(ok);
  },
};
