/** Where measurements go: what watches many calls at once. */
export interface Instrument {
  readonly name: string;
  /** `sum` may fall, as an estimate that was too high does. */
  readonly kind: "histogram" | "sum";
  /** As UCUM writes it. */
  readonly unit: string;
  readonly description: string;
  /** Of a histogram. */
  readonly bounds?: readonly number[];
  /** Whole numbers alone. */
  readonly isWhole?: true;
}

export interface Measurement {
  readonly of: Instrument;
  readonly value: number;
  readonly attributes: Readonly<Record<string, string>>;
}

export interface MetricsSink extends AsyncDisposable {
  /** Never throws: whoever is measured goes on. */
  record(measurement: Measurement): void;
}
