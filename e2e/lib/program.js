// Programs of the workspace, freshly built.

import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";

const root = join(import.meta.dirname, "..", "..");

/**
 * The path of what is at `place` below the folder of the profile. It is built as `cargo test --workspace --all-features` does, so
 * that nothing is built twice.
 */
export function build(...place) {
  const options = { cwd: root, encoding: "utf8", maxBuffer: 1 << 26, stdio: ["ignore", "pipe", "inherit"] };
  execFileSync("cargo", ["build", "--quiet", "--locked", "--workspace", "--all-features", "--bins", "--examples"], options);
  const metadata = execFileSync("cargo", ["metadata", "--locked", "--no-deps", "--format-version", "1"], options);
  const path = join(JSON.parse(metadata).target_directory, "debug", ...place);
  if (!existsSync(path)) throw new Error(`the program was built, but is not at ${path}`);
  return path;
}
