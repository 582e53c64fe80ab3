import type { Attributes } from "@opentelemetry/api";
import { OTLPMetricExporter } from "@opentelemetry/exporter-metrics-otlp-http";
import { resourceFromAttributes } from "@opentelemetry/resources";
import { MeterProvider, PeriodicExportingMetricReader } from "@opentelemetry/sdk-metrics";
import type { Logger } from "../base/logger.ts";
import type { Instrument, Measurement, MetricsSink } from "./metrics.port.ts";

/** Metrics to a collector by OTLP over HTTP, as JSON. */
export interface OtelOptions {
  /** Of the metrics themselves: `http://host:4318/v1/metrics`. */
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly everyMs: number;
  readonly serviceName: string;
  /** Of turnfold. */
  readonly version: string;
  /** This process, among others of the service. */
  readonly instance: string;
  readonly logger: Logger;
}

/** What one sending may take; the next one has all that was measured since. */
const SEND_MS_MAX = 10_000;

export function openOtelMetrics(options: OtelOptions): MetricsSink {
  const { url, headers, everyMs, serviceName, version, instance, logger } = options;
  const timeoutMillis = Math.min(SEND_MS_MAX, everyMs);
  const exporter = new OTLPMetricExporter({ url, headers: { ...headers }, timeoutMillis });
  const reader = new PeriodicExportingMetricReader({
    exporter: warnedOnce(exporter, (cause) =>
      logger.log("warn", "metrics cannot be sent, calls go on", { url, cause }),
    ),
    exportIntervalMillis: everyMs,
    exportTimeoutMillis: timeoutMillis,
  });
  const provider = new MeterProvider({
    resource: resourceFromAttributes({
      "service.name": serviceName,
      "service.version": version,
      "service.instance.id": instance,
    }),
    readers: [reader],
  });
  const meter = provider.getMeter("turnfold", version);
  const made = new Map<string, (value: number, attributes: Attributes) => void>();
  const make = (of: Instrument) => {
    const { name, unit, description, bounds, isWhole } = of;
    const about = { unit, description, ...(isWhole && { valueType: WHOLE }) };
    if (of.kind === "sum") {
      const counter = meter.createUpDownCounter(name, about);
      return counter.add.bind(counter);
    }
    const advice = bounds && { explicitBucketBoundaries: [...bounds] };
    const histogram = meter.createHistogram(name, { ...about, ...(advice && { advice }) });
    return histogram.record.bind(histogram);
  };
  return {
    record: ({ of, value, attributes }: Measurement) => {
      const record = made.get(of.name) ?? make(of);
      made.set(of.name, record);
      record(value, attributes);
    },
    // What was measured last is sent; where nobody takes it, that was told.
    [Symbol.asyncDispose]: () => provider.shutdown().catch(() => undefined),
  };
}

/** `ValueType.INT`, which is an enum of a package that need not be there. */
const WHOLE = 0;

/** Tells of the first sending that fails, and again once one has come through in between. */
function warnedOnce(
  exporter: OTLPMetricExporter,
  warn: (cause: string) => void,
): OTLPMetricExporter {
  let isDown = false;
  const send = exporter.export.bind(exporter);
  exporter.export = (metrics, done) =>
    send(metrics, (result) => {
      if (result.error !== undefined && !isDown) warn(String(result.error));
      isDown = result.error !== undefined;
      done(result);
    });
  return exporter;
}
