// SPDX-License-Identifier: GPL-3.0-or-later
/** Limits the memory that calls with many claims take together: their bodies are large, and many may arrive at once. */
import type { ServerResponse } from 'node:http';
import { Transform } from 'node:stream';
import type { preParsingHookHandler } from 'fastify';
import { AppError } from '../../../core/errors.ts';

/** The bytes of bodies and results that all calls of a process may hold, as they are counted here. */
export const batchMemoryMax = 64 * 1024 * 1024;

/** What a claim and its result count for, besides its bytes in the body: most results are shorter. */
const bytesPerClaim = 1024;

const refusal = new AppError('overloaded', {
  detail: 'calls with many claims take too much memory now',
});

/** What one call holds. */
type Held = { bytes: number; isClosed: boolean };

/** Counts what calls hold until their responses are sent or their clients are gone. */
export class BatchMemory {
  private readonly bytesMax: number;
  private readonly byResponse = new WeakMap<ServerResponse, Held>();
  private bytes = 0;

  constructor(bytesMax = batchMemoryMax) {
    this.bytesMax = bytesMax;
  }

  /** What all calls hold now. */
  get held(): number {
    return this.bytes;
  }

  /**
   * Counts each part of a body when it arrives: what the head announces costs a client nothing. A part that does not fit ends
   * the call as `overloaded`, and the rest of its body is not kept.
   */
  readonly countBody: preParsingHookHandler = (_request, { raw: response }, payload, done) => {
    const counted = new Transform({
      transform: (chunk: Buffer, _encoding, next) =>
        next(this.hold(response, chunk.length) ? null : refusal, chunk),
    });
    payload.once('error', (error) => counted.destroy(error));
    done(null, payload.pipe(counted));
  };

  /** Counts the results of a call. Throws `overloaded` where they do not fit. */
  holdResults(response: ServerResponse, claims: number): void {
    if (!this.hold(response, claims * bytesPerClaim)) throw refusal;
  }

  private hold(response: ServerResponse, bytes: number): boolean {
    if (this.bytes + bytes > this.bytesMax) return false;
    const held = this.byResponse.get(response) ?? this.watch(response);
    // A client may be gone before its claims are made: nothing would give back what is counted then.
    if (held.isClosed) return true;
    held.bytes += bytes;
    this.bytes += bytes;
    return true;
  }

  private watch(response: ServerResponse): Held {
    const held: Held = { bytes: 0, isClosed: false };
    this.byResponse.set(response, held);
    response.once('close', () => {
      this.bytes -= held.bytes;
      held.isClosed = true;
    });
    return held;
  }
}
