/** One function per command of the vocabulary. */
import type { Call } from "./call.ts";
import { basicPerformers } from "./performers/basic.ts";
import { bridgingPerformers } from "./performers/bridging.ts";
import { headerPerformers } from "./performers/headers.ts";
import type { Done, Performers } from "./performers/performer.ts";
import { soundPerformers } from "./performers/sound.ts";
import { speechPerformers } from "./performers/speech.ts";
import { streamPerformers } from "./performers/stream.ts";
import { subscriptionPerformers } from "./performers/subscriptions.ts";
import { transferPerformers } from "./performers/transfer.ts";
import type { Command, CommandName } from "./vocabulary.ts";

const table: Performers<CommandName> = {
  ...basicPerformers,
  ...soundPerformers,
  ...bridgingPerformers,
  ...headerPerformers,
  ...speechPerformers,
  ...streamPerformers,
  ...subscriptionPerformers,
  ...transferPerformers,
};

/** By name; the table above proves that each takes its own command. */
export const performers = table as { [N in CommandName]: (call: Call, command: Command, done: Done) => void };
