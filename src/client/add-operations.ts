// SPDX-License-Identifier: GPL-3.0-or-later
import { type Connection, call } from './call.ts';
import { followEvents } from './follow.ts';
import { eachItem, linesOf, refusedError, untilStopped } from './iterate.ts';
import { operations, pages, streams } from './operations.ts';
import type { CallOptions, KeyedOptions } from './options.ts';
import type { WriteResult } from './results.ts';
import { toRequest } from './to-request.ts';
import { operationResult } from './to-result.ts';

type Arguments = Record<string, unknown>;
type Operation = (args?: Arguments, options?: KeyedOptions) => unknown;

/** Adds the methods of `Operations` to a client. `deadlineMs` says when a call with these options ends. */
export function addOperations(
  client: object,
  connection: Connection,
  deadlineMs: (options: CallOptions) => number,
): void {
  const methods = client as Record<string, Operation>;
  const run = async (
    operation: string,
    args: Arguments,
    options: KeyedOptions,
    isStream = false,
  ): Promise<WriteResult<unknown>> => {
    const made = toRequest(operation, args, options);
    if ('ending' in made) return operationResult(made.ending, made.ids);
    const { ids, repeats } = made;
    const request = { ...made.request, isStream };
    const limits = { deadlineMs: deadlineMs(options), signal: options.signal };
    return operationResult(await call(connection, { request, repeats, ...limits }), ids);
  };
  const open = (operation: string, args: Arguments, options: CallOptions, headers: object) =>
    run(operation, args, { ...options, headers: { ...options.headers, ...headers } }, true);

  for (const [name, operation] of Object.entries(operations)) {
    methods[name] = (args = {}, options = {}) => run(operation, args, options);
  }
  for (const [name, page] of Object.entries(pages)) {
    const [list = '', items = ''] = page.split(' ');
    methods[name] = (args = {}, options = {}) =>
      eachItem(async (cursor) => methods[list]?.({ ...args, ...cursor }, options), items);
  }
  methods.exportClaims = (args = {}, options = {}) =>
    untilStopped(options.signal, async function* (signal) {
      const headers = { accept: 'application/x-ndjson' };
      const result = await open(streams.exportClaims, args, { ...options, signal }, headers);
      if (result.outcome !== 'ok') throw refusedError(result);
      const { body } = result.value as Response;
      if (body !== null) for await (const line of linesOf(body)) yield JSON.parse(line);
    });
  const follow = (operation: string, isLast: (data: unknown) => boolean): Operation => {
    return (args = {}, options = {}) =>
      untilStopped(options.signal, (signal) =>
        followEvents(
          (lastEventId) =>
            open(
              operation,
              args,
              { ...options, signal },
              {
                accept: 'text/event-stream',
                ...(lastEventId !== undefined && { 'last-event-id': lastEventId }),
              },
            ),
          isLast,
          signal,
        ),
      );
  };
  methods.streamStock = follow(streams.streamStock, () => false);
  methods.streamOutcomes = follow(streams.streamOutcomes, () => false);
  methods.streamTicket = follow(streams.streamTicket, (data) => Object(data).state !== 'accepted');
}
