import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { AppError } from "../src/base/errors.ts";

const MAIN = "ipc/job_proc_lazy_main.js";
const KB = 1024;

/**
 * The memory of the peer's job processes, one for each call it carries, as its worker starts them:
 * forked, initialized, idle. In MB, what is shared between them counted in parts (PSS), which is
 * kinder than RSS. Undefined where the system does not tell.
 */
export async function peerProcessesMb(count: number): Promise<readonly number[] | undefined> {
  const children: ChildProcess[] = [];
  try {
    for (let i = 0; i < count; i++) children.push(await start());
    return await Promise.all(children.map(({ pid }) => pssMb(pid!)));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  } finally {
    for (const child of children) child.kill("SIGKILL");
  }
}

async function start(): Promise<ChildProcess> {
  const url = new URL(MAIN, import.meta.resolve("@livekit/agents"));
  const agent = join(import.meta.dirname, "peer-agent.ts");
  const child = fork(fileURLToPath(url), [agent], { stdio: "ignore" });
  const loggerOptions = { pretty: false, level: "silent" };
  child.send({ case: "initializeRequest", value: { loggerOptions, sessionEndTimeout: 1_000 } });
  const [message] = (await once(child, "message")) as [{ case: string }];
  if (message.case !== "initializeResponse")
    throw new AppError("bug", `the peer's job process said ${message.case}`);
  return child;
}

async function pssMb(pid: number): Promise<number> {
  const text = await readFile(`/proc/${pid}/smaps_rollup`, "utf8");
  return Number(/^Pss:\s+(\d+) kB/m.exec(text)?.[1]) / KB;
}
