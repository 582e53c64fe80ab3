/** The recent samples of a stream, addressed by their position since its first sample. */
export class AudioTail {
  #parts: Int16Array[] = [];
  #from = 0;
  #to = 0;

  /** Position after the newest sample. */
  get to(): number {
    return this.#to;
  }

  push(samples: Int16Array): void {
    // A copy: the caller may use its buffer again.
    this.#parts.push(samples.slice());
    this.#to += samples.length;
  }

  /** Forgets what lies wholly before `position`. */
  dropBefore(position: number): void {
    let drop = 0;
    while (drop < this.#parts.length && this.#from + this.#parts[drop]!.length <= position)
      this.#from += this.#parts[drop++]!.length;
    if (drop > 0) this.#parts.splice(0, drop);
  }

  /** Samples of a range; what is no longer or not yet there reads as silence. */
  slice(from: number, to: number): Int16Array {
    const out = new Int16Array(Math.max(0, to - from));
    let at = this.#from;
    for (const part of this.#parts) {
      const start = Math.max(from, at);
      const end = Math.min(to, at + part.length);
      if (start < end) out.set(part.subarray(start - at, end - at), start - from);
      at += part.length;
    }
    return out;
  }
}
