// SPDX-License-Identifier: GPL-3.0-or-later
import { EventEmitter, once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { PassThrough, type Readable } from 'node:stream';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { describe, expect, it } from 'vitest';
import { BatchMemory } from './batch-memory.ts';

const newResponse = () => new EventEmitter() as unknown as ServerResponse;

/** Sends a body through the count, and returns what comes out of it. */
function countBody(memory: BatchMemory, response: ServerResponse, payload: Readable): Readable {
  let counted: Readable | undefined;
  const done = (_: unknown, stream: Readable) => {
    counted = stream;
  };
  const reply = { raw: response } as FastifyReply;
  memory.countBody.call(undefined as never, {} as FastifyRequest, reply, payload, done as never);
  return counted as Readable;
}

describe('the memory of calls with many claims', () => {
  it('counts bodies and results until the response is closed', async () => {
    const memory = new BatchMemory(10_000);
    const response = newResponse();
    const body = new PassThrough();
    const counted = countBody(memory, response, body);
    body.end('x'.repeat(3_000));
    expect(Buffer.concat(await counted.toArray())).toHaveLength(3_000);
    memory.holdResults(response, 2);
    expect(memory.held).toBe(3_000 + 2 * 1024);
    response.emit('close');
    expect(memory.held).toBe(0);
    // The claims of a client that is gone are still made.
    memory.holdResults(response, 2);
    expect(memory.held).toBe(0);
  });

  it('refuses the body and the results that do not fit, and leaves room for others', async () => {
    const memory = new BatchMemory(4_000);
    const [first, second] = [newResponse(), newResponse()];
    memory.holdResults(first, 3);
    expect(() => memory.holdResults(second, 1)).toThrow('overloaded');
    const body = new PassThrough();
    const counted = countBody(memory, second, body);
    const failed = once(counted, 'error');
    counted.resume();
    body.write('x'.repeat(1_000));
    expect((await failed)[0]).toMatchObject({ code: 'overloaded' });
    expect(memory.held).toBe(3 * 1024);
    first.emit('close');
    memory.holdResults(second, 3);
    expect(memory.held).toBe(3 * 1024);
  });

  it('ends with the error of a body that breaks off', async () => {
    const body = new PassThrough();
    const counted = countBody(new BatchMemory(), newResponse(), body);
    const failed = once(counted, 'error');
    body.destroy(new Error('aborted'));
    expect(((await failed)[0] as Error).message).toBe('aborted');
  });
});
