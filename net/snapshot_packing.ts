/**
 * Packs and unpacks the bytes of snapshots: not at all, as gzip, or as xerial snappy.
 *
 * All work on pieces, in order, and hold no more than a window of what went through.
 *
 * @module
 */
import type { Gunzip, Gzip } from "node:zlib";
import { DataDirError } from "../core/errors.ts";
import type { SnapshotCompression } from "../core/storage/file_names.ts";

/** Turns pieces into packed (or unpacked) pieces. */
export interface Packer {
  /** `bytes` is borrowed until the promise resolves. */
  push(bytes: Uint8Array): Promise<Uint8Array[]> | Uint8Array[];
  finish(): Promise<Uint8Array[]> | Uint8Array[];
  /** Always called, also after a failure. */
  close(): void;
}

/** Much faster than zlib's default of 6, and nearly as small on what snapshots hold. */
const GZIP_LEVEL = 3;

// both libraries are loaded when a snapshot needs them: that saves a sixth of the time to start

export async function makePacker(compression: SnapshotCompression): Promise<Packer> {
  switch (compression) {
    case "none":
      return new Unpacked();
    case "gz": {
      const { createGzip } = await import("node:zlib");
      return new ZlibPacker(createGzip({ level: GZIP_LEVEL }));
    }
    case "snappy": {
      const { XerialSnappyWriter } = await import("../core/storage/xerial_snappy.ts");
      const writer = new XerialSnappyWriter();
      return { push: (bytes) => writer.push(bytes), finish: () => writer.finish(), close() {} };
    }
  }
}

export async function makeUnpacker(compression: SnapshotCompression): Promise<Packer> {
  switch (compression) {
    case "none":
      return new Unpacked();
    case "gz": {
      const { createGunzip } = await import("node:zlib");
      return new ZlibPacker(createGunzip());
    }
    case "snappy": {
      const { XerialSnappyReader } = await import("../core/storage/xerial_snappy.ts");
      const reader = new XerialSnappyReader();
      return {
        push: (bytes) => reader.push(bytes),
        finish() {
          reader.finish();
          return [];
        },
        close() {},
      };
    }
  }
}

class Unpacked implements Packer {
  push(bytes: Uint8Array): Uint8Array[] {
    return [bytes];
  }
  finish(): Uint8Array[] {
    return [];
  }
  close(): void {}
}

class ZlibPacker implements Packer {
  #stream: Gzip | Gunzip;
  #output: Uint8Array[] = [];
  #failure: Error | null = null;
  #onFailure: ((error: Error) => void) | null = null;

  constructor(stream: Gzip | Gunzip) {
    this.#stream = stream;
    stream.on("data", (piece: Uint8Array) => this.#output.push(piece));
    stream.on("error", (error: Error) => {
      this.#failure = new DataDirError(`Cannot unpack the gzip stream: ${error.message}`);
      this.#onFailure?.(this.#failure);
    });
  }

  push(bytes: Uint8Array): Promise<Uint8Array[]> {
    return this.#whenDone((done) => this.#stream.write(bytes, done));
  }

  finish(): Promise<Uint8Array[]> {
    return this.#whenDone((done) => {
      this.#stream.on("end", done);
      this.#stream.end();
    });
  }

  close(): void {
    this.#stream.destroy();
  }

  async #whenDone(start: (done: () => void) => void): Promise<Uint8Array[]> {
    await new Promise<void>((resolve, reject) => {
      this.#onFailure = reject;
      if (this.#failure !== null) return reject(this.#failure);
      start(() => this.#failure === null ? resolve() : reject(this.#failure));
    });
    const output = this.#output;
    this.#output = [];
    return output;
  }
}
