/** Middle of the quietest window of so many samples: where a cut harms least. */
export function quietestAt(samples: Int16Array, window: number): number {
  const hop = window / 2;
  let best = { at: 0, energy: Number.POSITIVE_INFINITY };
  for (let start = 0; start + window <= samples.length; start += hop) {
    let energy = 0;
    for (const sample of samples.subarray(start, start + window)) energy += sample * sample;
    if (energy < best.energy) best = { at: start, energy };
  }
  return best.at + hop;
}
