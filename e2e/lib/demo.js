// The demo as a separate process, on a free port.

import { execFileSync, spawn } from "node:child_process";
import { createInterface } from "node:readline";

import { build } from "./program.js";

let built;
/** The program: of the environment, or freshly built, once for each file of tests. */
const program = () => process.env.DEMO_BIN || (built ??= build("demo"));

/** Makes the clock of a demo one that `advance(seconds)` moves. */
export const MOVED_CLOCK = "--clock-from-stdin";

/** Starts the demo with these flags; `{ url, pid, token(sub, ttl), advance(seconds), stop() }`. */
export async function startDemo(...flags) {
  const path = program();
  const child = spawn(path, ["--port", "0", ...flags], { stdio: ["pipe", "pipe", "inherit"], env: { ...process.env, RUST_LOG: "error" } });
  const ended = new Promise((resolve) => child.once("exit", resolve));
  const url = await new Promise((resolve, reject) => {
    ended.then((code) => reject(new Error(`the demo ended with ${code}`)));
    createInterface({ input: child.stdout }).on("line", (line) => {
      const found = /Open\s+(http:\/\/\S+?)\/?$/.exec(line);
      if (found) resolve(found[1]);
    });
  });
  return {
    url,
    pid: child.pid,
    token: (sub, ttl) => execFileSync(path, ["token", "--sub", sub, "--ttl", String(ttl)], { encoding: "utf8" }).trim(),
    advance: (seconds) => child.stdin.write(`${seconds}\n`),
    async stop() {
      // By its own process id.
      process.kill(child.pid, "SIGTERM");
      await ended;
    },
  };
}
