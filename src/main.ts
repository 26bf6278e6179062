#!/usr/bin/env bun
/** The binary's door: arguments to a command of cli/, its outcome to an exit code. */
import { basename } from "node:path";
import { settleEngine } from "./engine.ts";

const given = process.argv.slice(2);
// A link to the binary that is called sipws is SIPWS.
const words = basename(process.argv0) === "sipws" ? ["sipws", ...given] : given;
if (words[0] === "run" || words[0] === "sipws") settleEngine();
// Only now: what is loaded before that is loaded twice.
const { main } = await import("./cli/main.ts");
const code = await main(words);
// Timers of transactions that are through would keep the process; what stdout still holds has to leave first.
process.stdout.on("error", () => process.exit(code));
process.stdout.write("", () => process.exit(code));
