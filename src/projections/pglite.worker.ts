import { workerData } from "node:worker_threads";
import { PGlite } from "@electric-sql/pglite";
import { serveWorker } from "../base/worker-port.ts";
import type { PgliteQuestion } from "./pglite.ts";

/** One process has it alone: small buffers are enough, and take a third of the memory. */
const SMALL = ["-c", "shared_buffers=8MB", "-c", "max_connections=5"];

const { folder } = workerData as { readonly folder: string | undefined };
const startParams = [...PGlite.defaultStartParams, ...SMALL];
const opened = PGlite.create({ ...(folder !== undefined && { dataDir: folder }), startParams });
// Told to each who asks.
opened.catch(() => undefined);

serveWorker(async (question: PgliteQuestion) => {
  const db = await opened;
  if (question === "close") return await db.close();
  const { rows, affectedRows = 0 } = await db.query(question.text, [...question.parameters]);
  return { rows, affectedRows };
});
