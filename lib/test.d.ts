/// <reference path="./index.d.ts" />
export * from "../src/testing/index.ts";
