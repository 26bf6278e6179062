#!/usr/bin/env bun
/** The binary's door: arguments to a command of cli/, its outcome to an exit code. */
import { main } from "./cli/main.ts";

const code = await main(process.argv.slice(2));
// Timers of transactions that are through would keep the process; what stdout still holds has to leave first.
process.stdout.on("error", () => process.exit(code));
process.stdout.write("", () => process.exit(code));
