import type { Meter, Service } from "../events/effect.events.ts";

export interface PriceRow {
  readonly priceId: string;
  readonly meter: Meter;
  readonly pricePico: bigint;
  readonly perUnits: bigint;
  readonly threshold?: {
    readonly on: "promptTokens" | "meter";
    readonly above: bigint;
    readonly mode: "whole" | "marginal";
  };
  readonly multipliers?: readonly (readonly [bigint, bigint])[];
  readonly rounding?: {
    readonly quantum: bigint;
    readonly minimum?: bigint;
    readonly scope: "request" | "resource" | "period";
  };
}

export interface PriceQuery {
  readonly tenant: string;
  readonly service: Service;
  readonly provider: string;
  readonly model: string;
  readonly meter: Meter;
  readonly tier?: string | undefined;
  readonly region?: string | undefined;
  readonly plan?: string | undefined;
  readonly at: number;
}

export interface PriceBook {
  readonly version: string;
  rows(query: PriceQuery): readonly PriceRow[];
  row(priceId: string): PriceRow | undefined;
  ceiling(meter: Meter): PriceRow | undefined;
}
