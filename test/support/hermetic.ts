import { fileURLToPath } from "node:url";
import { VARIABLES, type Variable } from "../../src/config/variables.ts";

/** No test runs on the keys, the servers and the settings of whoever runs it. */
for (const [name, variable] of Object.entries<Variable>(VARIABLES))
  for (const one of [name, ...(variable.aliases ?? [])]) delete process.env[one];
process.env["TURNFOLD_ENV_FILE"] = fileURLToPath(new URL("empty.env", import.meta.url));
