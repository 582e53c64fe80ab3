import { open } from "node:fs/promises";
import type { FileHandle } from "node:fs/promises";
import { promisify } from "node:util";
import { inflateRaw } from "node:zlib";
import { AppError } from "../../base/errors.ts";

/**
 * Reads single files out of a zip archive by its central directory: stored or deflated, no zip64,
 * no encryption. That is all a Python wheel uses.
 */
export interface Zip extends AsyncDisposable {
  read(name: string): Promise<Uint8Array>;
}

interface Entry {
  readonly method: number;
  readonly sizeBytes: number;
  readonly localAt: number;
}

const END_SIGNATURE = 0x0605_4b50;
const ENTRY_SIGNATURE = 0x0201_4b50;
const END_BYTES = 22;
const COMMENT_BYTES_MAX = 0xffff;
const LOCAL_HEADER_BYTES = 30;
const STORED = 0;
const DEFLATED = 8;

const inflate = promisify(inflateRaw);

export async function openZip(path: string): Promise<Zip> {
  const file = await open(path);
  try {
    const entries = await readDirectory(file);
    return {
      read: (name) => readEntry(file, name, entries.get(name)),
      [Symbol.asyncDispose]: () => file.close(),
    };
  } catch (error) {
    await file.close();
    throw error;
  }
}

/** The directory stands at the end, found backwards from its closing record. */
async function readDirectory(file: FileHandle): Promise<Map<string, Entry>> {
  const { size } = await file.stat();
  const tailBytes = Math.min(size, END_BYTES + COMMENT_BYTES_MAX);
  const tail = await readAt(file, size - tailBytes, tailBytes);
  let end = tail.length - END_BYTES;
  while (end >= 0 && tail.readUInt32LE(end) !== END_SIGNATURE) end--;
  if (end < 0) throw damaged("has no directory");
  const directory = await readAt(file, tail.readUInt32LE(end + 16), tail.readUInt32LE(end + 12));
  const entries = new Map<string, Entry>();
  for (let at = 0; at + 46 <= directory.length;) {
    if (directory.readUInt32LE(at) !== ENTRY_SIGNATURE) throw damaged("has a broken directory");
    const nameBytes = directory.readUInt16LE(at + 28);
    entries.set(directory.toString("utf8", at + 46, at + 46 + nameBytes), {
      method: directory.readUInt16LE(at + 10),
      sizeBytes: directory.readUInt32LE(at + 20),
      localAt: directory.readUInt32LE(at + 42),
    });
    at += 46 + nameBytes + directory.readUInt16LE(at + 30) + directory.readUInt16LE(at + 32);
  }
  return entries;
}

async function readEntry(
  file: FileHandle,
  name: string,
  entry: Entry | undefined,
): Promise<Uint8Array> {
  if (!entry) throw damaged(`does not hold ${name}`);
  // The local header repeats the name, and its extra field may differ from the directory's.
  const header = await readAt(file, entry.localAt, LOCAL_HEADER_BYTES);
  const skip = LOCAL_HEADER_BYTES + header.readUInt16LE(26) + header.readUInt16LE(28);
  const bytes = await readAt(file, entry.localAt + skip, entry.sizeBytes);
  if (entry.method === STORED) return bytes;
  if (entry.method !== DEFLATED) throw damaged(`packs ${name} by an unknown method`);
  return inflate(bytes);
}

async function readAt(file: FileHandle, position: number, length: number): Promise<Buffer> {
  const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, position);
  if (bytesRead !== length) throw damaged("ends too early");
  return buffer;
}

function damaged(what: string): AppError {
  return new AppError("models.checksum", `the downloaded archive ${what}: pull it again`);
}
