#!/usr/bin/env bun
/** The binary's door: arguments to a command of cli/, its outcome to an exit code. */
import { main } from "./cli/main.ts";

process.exitCode = await main(process.argv.slice(2));
