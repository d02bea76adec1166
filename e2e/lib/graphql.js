// A GraphQL server for users alone: demo/examples/graphql.rs.

import { spawn } from "node:child_process";
import { createHmac } from "node:crypto";
import { once } from "node:events";
import { createInterface } from "node:readline";

import { build } from "./program.js";

const SECRET = "only for the tests, and long enough";
const base64url = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");

/** Starts it on a free port; `{ url, token(sub, ttl), stop() }`. */
export async function startGraphql() {
  const path = build(["-p", "demo", "--example", "graphql"], "examples", "graphql");
  const child = spawn(path, { stdio: ["ignore", "pipe", "inherit"], env: { ...process.env, SECRET } });
  const ended = once(child, "exit");
  const [url] = await Promise.race([
    once(createInterface({ input: child.stdout }), "line"),
    ended.then(([code]) => { throw new Error(`the server ended with ${code}`); }),
  ]);
  return {
    url,
    token(sub, ttl) {
      const signed = `${base64url({ alg: "HS256" })}.${base64url({ sub, exp: Math.floor(Date.now() / 1000) + ttl })}`;
      return `${signed}.${createHmac("sha256", SECRET).update(signed).digest("base64url")}`;
    },
    async stop() {
      // By its process id, and nobody else's.
      process.kill(child.pid, "SIGTERM");
      await ended;
    },
  };
}
