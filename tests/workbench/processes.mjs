// The process table, to see what our programs do and whether they are gone.
import { execFileSync } from "node:child_process";

/** Processes whose command line has all of `words`: their number, their parent's, command line. */
export function processes(...words) {
  return execFileSync("ps", ["-eo", "pid=,ppid=,args=", "-ww"], { encoding: "utf8" })
    .split("\n")
    .map((line) => line.trim().match(/^(\d+)\s+(\d+)\s+(.*)$/))
    .filter((match) => match && words.every((word) => match[3].includes(word)))
    .map(([, pid, parent, command]) => ({ pid: Number(pid), parent: Number(parent), command }));
}

/** Runners with a job. A Python that waits for one is none; its copies are, and are called like it. */
export function jobs(...words) {
  const all = processes("jaxsight_runner", ...words);
  const waiting = ({ command }) => command.endsWith(" zygote");
  return all.filter((one) => !waiting(one) || all.some((other) => other.pid === one.parent && waiting(other)));
}
