// SPDX-License-Identifier: GPL-3.0-or-later
/** A service that answers the calls of a command as a test scripts it. */
import { once } from 'node:events';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { StartError } from '../../src/core/errors.ts';
import type { Output } from '../../src/entrypoints/cli/program.ts';

/** An answer; `reset` ends the connection without one. */
export type Reply = { status: number; body: object } | 'reset';

/** A call that has arrived. */
export type SeenCall = {
  line: string;
  key: string | undefined;
  body: string;
  idempotencyKey: unknown;
};

/** The answers to come and the calls that have arrived, both in order. */
export type ScriptedService = {
  url: string;
  replies: Reply[];
  seen: SeenCall[];
  close(): void;
};

/** Starts a service on a free port. A call without a scripted answer gets none. */
export async function startScriptedService(): Promise<ScriptedService> {
  const server = http.createServer(async (request, response) => {
    let body = '';
    for await (const chunk of request) body += chunk;
    const { authorization, 'idempotency-key': idempotencyKey } = request.headers;
    service.seen.push({
      ...{ line: `${request.method} ${request.url}`, key: authorization, body, idempotencyKey },
    });
    const reply = service.replies.shift();
    if (reply === undefined || reply === 'reset') return request.socket.resetAndDestroy();
    response.writeHead(reply.status).end(JSON.stringify(reply.body));
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const service: ScriptedService = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    ...{ replies: [], seen: [], close: () => server.close() },
  };
  return service;
}

/** A problem as the service answers it. */
export function problem(code: string, more: object = {}): Reply {
  return { status: 409, body: { code, detail: `the detail of ${code}`, ...more } };
}

/** Runs a command. Its verdict, or the message of its `StartError`, and what it has printed. */
export async function runCommand(
  command: (output: Output) => Promise<string>,
): Promise<{ verdict: string; stdout: string; stderr: string }> {
  const printed = { stdout: '', stderr: '' };
  const output: Output = {
    stdout: (text) => {
      printed.stdout += text;
    },
    stderr: (text) => {
      printed.stderr += text;
    },
  };
  const verdict = await command(output).catch((error: unknown) => {
    if (error instanceof StartError) return error.message;
    throw error;
  });
  return { verdict, ...printed };
}
