// A GraphQL server for authenticated users: demo/examples/graphql.rs.

import { spawn } from "node:child_process";
import { createHmac } from "node:crypto";
import { once } from "node:events";
import { createInterface } from "node:readline";

import { build } from "./program.js";

const SECRET = "only for the tests, and long enough";
const base64url = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");

/** Starts it on a free port, with a clock that the test moves; `{ url, token(sub, ttl), advance(seconds), stop() }`. */
export async function startGraphql() {
  const path = build("examples", "graphql");
  const child = spawn(path, ["--clock-from-stdin"], { stdio: ["pipe", "pipe", "inherit"], env: { ...process.env, SECRET } });
  let ahead = 0;
  const ended = once(child, "exit");
  const [url] = await Promise.race([
    once(createInterface({ input: child.stdout }), "line"),
    ended.then(([code]) => { throw new Error(`the server ended with ${code}`); }),
  ]);
  return {
    url,
    token(sub, ttl) {
      const signed = `${base64url({ alg: "HS256" })}.${base64url({ sub, exp: Math.floor(Date.now() / 1000) + ahead + ttl })}`;
      return `${signed}.${createHmac("sha256", SECRET).update(signed).digest("base64url")}`;
    },
    advance(seconds) {
      ahead += seconds;
      child.stdin.write(`${seconds}\n`);
    },
    async stop() {
      // By its own process id.
      process.kill(child.pid, "SIGTERM");
      await ended;
    },
  };
}
