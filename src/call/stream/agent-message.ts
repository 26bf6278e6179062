/** The messages of a program at a stream's other end, as JSON: checked before anything is done with them. */
import { maxText } from "../vocabulary.ts";

export type AgentMessage =
  | { readonly event: "mark"; readonly name: string }
  | { readonly event: "clear" }
  | { readonly event: "dtmf"; readonly digits: string }
  | { readonly event: "tell"; readonly text: string }
  | { readonly event: "stop" };

const longestMark = 256;

/** A message, or what is wrong with it. */
export function readAgentMessage(json: string): AgentMessage | { wrong: string } {
  if (json.length > 2 * maxText) return { wrong: "a message is too long" };
  let message: unknown;
  try {
    message = JSON.parse(json);
  } catch {
    return { wrong: "a text message is not JSON" };
  }
  const text = (name: string, longest: number): string | undefined => {
    const value: unknown = typeof message === "object" && message !== null ? Reflect.get(message, name) : undefined;
    return typeof value === "string" && value.length <= longest ? value : undefined;
  };
  const event = text("event", 32);
  switch (event) {
    case "clear":
    case "stop":
      return { event };
    case "mark": {
      const name = text("name", longestMark);
      return name === undefined ? { wrong: `mark needs a name of at most ${longestMark} characters` } : { event, name };
    }
    case "dtmf": {
      const digits = text("digits", 256);
      if (digits === undefined || !/^[0-9*#A-Da-d]+$/.test(digits))
        return { wrong: "dtmf needs digits out of 0-9 * # A-D" };
      return { event, digits };
    }
    case "tell": {
      const told = text("text", maxText);
      return told === undefined
        ? { wrong: `tell needs a text of at most ${maxText} characters` }
        : { event, text: told };
    }
    default:
      return { wrong: "there are mark, clear, dtmf, tell and stop" };
  }
}
