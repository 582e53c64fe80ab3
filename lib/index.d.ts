/// <reference path="../src/providers/local/sherpa-onnx.d.ts" />
/// <reference path="../src/providers/local/webassembly.d.ts" />
export * from "../src/index.ts";
