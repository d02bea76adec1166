// A resource server in Rust that reports its decision about each token: auth-jwt/examples/judge.rs.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";

import { build } from "./program.js";

let path;

/** Starts it for this issuer and audience; it has fetched the keys by then. */
export async function startJudge(issuer, audience, ...flags) {
  path ??= build("examples", "judge");
  const child = spawn(path, [...flags, issuer, audience], { stdio: ["pipe", "pipe", "inherit"] });
  const ended = once(child, "exit");
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const line = async () => {
    const { value, done } = await lines.next();
    if (done) throw new Error("the judge has ended");
    return value;
  };
  await line();
  return {
    /** What it says of the token, at this instant; the clock never goes back. */
    async judge(token, unixSecs = claims(token).iat) {
      child.stdin.write(`${unixSecs} ${token}\n`);
      return line();
    },
    async stop() {
      child.stdin.end();
      await ended;
    },
  };
}

/** What a token says. */
export function claims(token) {
  return JSON.parse(Buffer.from(token.split(".")[1], "base64url").toString());
}
