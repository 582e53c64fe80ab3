/** The part of npm sherpa-onnx that is used here; the package brings no types. */
declare module "sherpa-onnx" {
  export interface OfflineStream {
    acceptWaveform(rateHz: number, samples: Float32Array): void;
    free(): void;
  }
  export interface OfflineRecognizer {
    createStream(): OfflineStream;
    /** Blocks. Throws a bare number where the C++ side threw. */
    decode(stream: OfflineStream): void;
    getResult(stream: OfflineStream): { readonly text: string };
    free(): void;
  }
  export interface OfflineRecognizerConfig {
    readonly featConfig: { readonly sampleRate: number; readonly featureDim: number };
    readonly modelConfig: {
      readonly moonshine: { readonly encoder: string; readonly mergedDecoder: string };
      readonly tokens: string;
      readonly numThreads: number;
      readonly provider: "cpu";
      readonly debug: 0 | 1;
    };
  }
  export function createOfflineRecognizer(config: OfflineRecognizerConfig): OfflineRecognizer;
}
