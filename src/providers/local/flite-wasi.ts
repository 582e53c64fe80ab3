import { AppError } from "../../base/errors.ts";

/**
 * Runs one WASI command with arguments and files in memory: no temp files, and not `node:wasi`,
 * which is experimental. Holds what flite calls; everything else answers ENOSYS.
 */
export interface WasiRun {
  readonly stderr: string;
  readonly stdout: string;
  /** A file the command wrote, or undefined. */
  file(name: string): Uint8Array | undefined;
}

interface MemoryFile {
  bytes: Uint8Array;
  length: number;
}

/** `proc_exit` has to leave the wasm stack, and only a throw does. */
class Exit extends Error {
  readonly status: number;
  constructor(status: number) {
    super(`exit ${status}`);
    this.status = status;
  }
}

/** Error numbers of WASI preview 1, and the few flags that are looked at. */
const OK = 0;
const EBADF = 8;
const ENOENT = 44;
const ENOSYS = 52;
const ESPIPE = 70;
const ROOT_FD = 3;
const OPEN_CREATE = 1;
const OPEN_TRUNCATE = 8;
const RIGHTS_ALL = 0xffff_ffff_ffff_ffffn;

export async function runWasi(
  module: WebAssembly.Module,
  args: readonly string[],
): Promise<WasiRun> {
  const host = new WasiHost(args);
  const calls: Record<string, WebAssembly.ImportValue> = host.calls();
  for (const { name } of WebAssembly.Module.imports(module)) calls[name] ??= () => ENOSYS;
  const instance = await WebAssembly.instantiate(module, { wasi_snapshot_preview1: calls });
  host.memory = instance.exports["memory"] as WebAssembly.Memory;
  try {
    (instance.exports["_start"] as () => void)();
  } catch (error) {
    if (!(error instanceof Exit)) throw error;
    if (error.status !== 0)
      throw new AppError("provider.failed", `flite ended with status ${error.status}`, {
        detail: { stderr: host.output[2] },
      });
  }
  return {
    stdout: host.output[1] ?? "",
    stderr: host.output[2] ?? "",
    file: (name) => {
      const found = host.files.get(name);
      return found && found.bytes.subarray(0, found.length);
    },
  };
}

/** One run's view of the system: arguments, an empty folder, two output streams. */
class WasiHost {
  memory: WebAssembly.Memory | undefined;
  readonly files = new Map<string, MemoryFile>();
  readonly output = ["", "", ""];
  readonly #args: readonly Uint8Array[];
  readonly #open = new Map<number, { readonly file: MemoryFile; at: number }>();
  #nextFd = ROOT_FD + 1;

  constructor(args: readonly string[]) {
    this.#args = args.map((arg) => new TextEncoder().encode(`${arg}\0`));
  }

  calls(): Record<string, (...args: never[]) => number> {
    return {
      args_sizes_get: (count: number, size: number) => {
        this.#setU32(count, this.#args.length);
        return this.#setU32(
          size,
          this.#args.reduce((sum, arg) => sum + arg.length, 0),
        );
      },
      args_get: (pointers: number, buffer: number) => this.#putArgs(pointers, buffer),
      environ_sizes_get: (count: number, size: number) =>
        this.#setU32(count, 0) + this.#setU32(size, 0),
      environ_get: () => OK,
      // A still clock and fixed random bytes: the same text always gives the same samples.
      clock_time_get: (_id: number, _precision: bigint, at: number) => this.#setU64(at, 0n),
      clock_res_get: (_id: number, at: number) => this.#setU64(at, 1_000_000n),
      random_get: (at: number, size: number) => (this.#bytes().fill(7, at, at + size), OK),
      proc_exit: (status: number) => {
        throw new Exit(status);
      },
      sched_yield: () => OK,
      fd_prestat_get: (fd: number, at: number) => {
        if (fd !== ROOT_FD) return EBADF;
        this.#view().setUint8(at, 0);
        return this.#setU32(at + 4, 1);
      },
      fd_prestat_dir_name: (_fd: number, at: number) => ((this.#bytes()[at] = 46), OK),
      fd_fdstat_set_flags: () => OK,
      path_filestat_get: () => ENOENT,
      ...this.#fileCalls(),
    };
  }

  #fileCalls(): Record<string, (...args: never[]) => number> {
    return {
      path_open: (...a: number[]) => this.#openPath(a[2]!, a[3]!, a[4]!, a[8]!),
      fd_fdstat_get: (fd: number, at: number) => this.#fdStat(fd, at),
      fd_filestat_get: (fd: number, at: number) => {
        this.#bytes().fill(0, at, at + 64);
        this.#view().setUint8(at + 16, 4);
        return this.#setU64(at + 32, BigInt(this.#open.get(fd)?.file.length ?? 0));
      },
      fd_close: (fd: number) => (this.#open.delete(fd), OK),
      fd_seek: (fd: number, offset: bigint, whence: number, at: number) => {
        const handle = this.#open.get(fd);
        if (!handle) return fd < ROOT_FD ? ESPIPE : EBADF;
        const base = whence === 0 ? 0 : whence === 1 ? handle.at : handle.file.length;
        handle.at = base + Number(offset);
        return this.#setU64(at, BigInt(handle.at));
      },
      fd_tell: (fd: number, at: number) => this.#setU64(at, BigInt(this.#open.get(fd)?.at ?? 0)),
      fd_write: (fd: number, vectors: number, count: number, done: number) =>
        this.#write(fd, vectors, count, done),
      fd_read: (fd: number, vectors: number, count: number, done: number) =>
        this.#read(fd, vectors, count, done),
    };
  }

  #openPath(namePtr: number, nameLength: number, flags: number, fdPtr: number): number {
    const name = new TextDecoder().decode(this.#bytes().slice(namePtr, namePtr + nameLength));
    let file = this.files.get(name);
    if (!file && !(flags & OPEN_CREATE)) return ENOENT;
    if (!file || flags & OPEN_TRUNCATE) {
      file = { bytes: new Uint8Array(1 << 16), length: 0 };
      this.files.set(name, file);
    }
    const fd = this.#nextFd++;
    this.#open.set(fd, { file, at: 0 });
    return this.#setU32(fdPtr, fd);
  }

  /** Kind of a descriptor: 3 a folder, 2 a character device, 4 a regular file. */
  #fdStat(fd: number, at: number): number {
    if (fd > ROOT_FD && !this.#open.has(fd)) return EBADF;
    const kind = fd === ROOT_FD ? 3 : fd < ROOT_FD ? 2 : 4;
    this.#view().setUint16(at, kind, true);
    this.#view().setUint16(at + 2, 0, true);
    return this.#setU64(at + 8, RIGHTS_ALL) + this.#setU64(at + 16, RIGHTS_ALL);
  }

  #write(fd: number, vectors: number, count: number, done: number): number {
    const handle = this.#open.get(fd);
    if (!handle && fd >= ROOT_FD) return EBADF;
    let total = 0;
    for (const bytes of this.#vectors(vectors, count)) {
      if (handle) append(handle, bytes);
      else this.output[fd] += new TextDecoder().decode(bytes.slice());
      total += bytes.length;
    }
    return this.#setU32(done, total);
  }

  #read(fd: number, vectors: number, count: number, done: number): number {
    const handle = this.#open.get(fd);
    let total = 0;
    for (const into of handle ? this.#vectors(vectors, count) : []) {
      const { file, at } = handle!;
      const part = file.bytes.subarray(at, Math.min(file.length, at + into.length));
      into.set(part);
      handle!.at += part.length;
      total += part.length;
    }
    return this.#setU32(done, total);
  }

  #vectors(at: number, count: number): Uint8Array[] {
    const view = this.#view();
    return Array.from({ length: count }, (_, i) => {
      const from = view.getUint32(at + 8 * i, true);
      return this.#bytes().subarray(from, from + view.getUint32(at + 8 * i + 4, true));
    });
  }

  /** Pointers first, then the strings they point to, each with its zero. */
  #putArgs(pointers: number, buffer: number): number {
    let at = buffer;
    for (const [i, arg] of this.#args.entries()) {
      this.#setU32(pointers + 4 * i, at);
      this.#bytes().set(arg, at);
      at += arg.length;
    }
    return OK;
  }

  // The memory grows while the command runs and old views go stale: always ask anew.
  #bytes(): Uint8Array {
    return new Uint8Array(this.memory!.buffer);
  }

  #view(): DataView {
    return new DataView(this.memory!.buffer);
  }

  #setU32(at: number, value: number): number {
    this.#view().setUint32(at, value, true);
    return OK;
  }

  #setU64(at: number, value: bigint): number {
    this.#view().setBigUint64(at, value, true);
    return OK;
  }
}

function append(handle: { readonly file: MemoryFile; at: number }, bytes: Uint8Array): void {
  const { file } = handle;
  const end = handle.at + bytes.length;
  if (file.bytes.length < end) {
    const grown = new Uint8Array(Math.max(end, file.bytes.length * 2));
    grown.set(file.bytes.subarray(0, file.length));
    file.bytes = grown;
  }
  file.bytes.set(bytes, handle.at);
  handle.at = end;
  file.length = Math.max(file.length, end);
}
