import type { z } from "zod";
import { BudgetReport } from "../events/budget.events.ts";
import { CallList } from "./calls.command.ts";
import { ChartList } from "./charts.command.ts";
import { CheckReport } from "./check.command.ts";
import { ConfigReport } from "./config.command.ts";
import { CostReport } from "./costs.command.ts";
import { DispatchReport } from "./dispatch.command.ts";
import { DoctorReport } from "./doctor.command.ts";
import { FleetReport } from "./fleet.command.ts";
import { ModelList } from "./models.command.ts";
import { NewReport } from "./new.command.ts";
import { ErrorReport } from "./output.ts";
import { PRICE_SCHEMAS } from "./prices.command.ts";
import { ReplayReport } from "./replay.command.ts";
import { ShowReport } from "./show.command.ts";
import { SimulateReport } from "./simulate.command.ts";
import { TellReport } from "./tell.command.ts";
import { TestReport } from "./test.command.ts";
import { TransferReport } from "./transfer.command.ts";

/** What each command prints under `--json`, by the command's name; `error` is any command's. */
export const SCHEMAS = {
  new: NewReport,
  dispatch: DispatchReport,
  simulate: SimulateReport,
  calls: CallList,
  fleet: FleetReport,
  tell: TellReport,
  show: ShowReport,
  replay: ReplayReport,
  "test from": TestReport,
  export: TransferReport,
  import: TransferReport,
  costs: CostReport,
  budget: BudgetReport,
  ...PRICE_SCHEMAS,
  charts: ChartList,
  doctor: DoctorReport,
  "check stt": CheckReport,
  "check llm": CheckReport,
  "check tts": CheckReport,
  config: ConfigReport,
  "models list": ModelList,
  "models pull": ModelList,
  error: ErrorReport,
} as const satisfies Record<string, z.ZodType>;
