// The process table, to see what our programs do and whether they are gone.
import { execFileSync } from "node:child_process";

/** Processes whose command line has all of `words`: number and command line. */
export function processes(...words) {
  return execFileSync("ps", ["-eo", "pid=,args=", "-ww"], { encoding: "utf8" })
    .split("\n")
    .map((line) => line.trim().match(/^(\d+)\s+(.*)$/))
    .filter((match) => match && words.every((word) => match[2].includes(word)))
    .map(([, pid, command]) => ({ pid: Number(pid), command }));
}
