#!/usr/bin/env bun
/** The binary's door: arguments to a command of cli/, its outcome to an exit code. */
import { basename } from "node:path";
import { main } from "./cli/main.ts";

const words = process.argv.slice(2);
// A link to the binary that is called sipws is SIPWS.
const code = await main(basename(process.argv0) === "sipws" ? ["sipws", ...words] : words);
// Timers of transactions that are through would keep the process; what stdout still holds has to leave first.
process.stdout.on("error", () => process.exit(code));
process.stdout.write("", () => process.exit(code));
