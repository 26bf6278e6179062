/** What the words of tables/subscriptions.ts do. */
import { failed } from "../call.ts";
import type { subscriptionCommands } from "../tables/subscriptions.ts";
import { Watch } from "../watch.ts";
import { ok, type Performers } from "./performer.ts";

/** Subscriptions of one call at a time. */
const most = 16;

export const subscriptionPerformers: Performers<keyof typeof subscriptionCommands> = {
  SUBSCRIBE: (call, command, done) => {
    const { uri, event = "dialog" } = command;
    const watches = watchesOf(call.attachments);
    if (watches.some((watch) => watch.is(uri, event))) return done(failed(command, "it is subscribed to already"));
    if (watches.length >= most) return done(failed(command, `${most} subscriptions are up already`));
    const id = call.track(command, done);
    const watch = new Watch(call, uri, event, (reason) =>
      call.settle(id, reason === undefined ? ok : failed(command, reason)),
    );
    call.attachments.add(watch);
    watch.start();
  },
  UNSUBSCRIBE: (call, command, done) => {
    const { uri, event = "dialog" } = command;
    for (const watch of watchesOf(call.attachments)) if (watch.is(uri, event)) watch.over();
    done(ok);
  },
};

function watchesOf(attachments: ReadonlySet<object>): Watch[] {
  return [...attachments].filter((one) => one instanceof Watch);
}
