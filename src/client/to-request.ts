// SPDX-License-Identifier: GPL-3.0-or-later
import type { Ending, Repeats } from './ending.ts';
import { newKey } from './environment.ts';
import { invalidProblem } from './made-problems.ts';
import type { KeyedOptions } from './options.ts';
import type { HttpRequest } from './send.ts';
import type { CallIds } from './to-result.ts';

/** The request of an operation, or how its call ends without one. */
export type ToRequest =
  | { request: HttpRequest; repeats: Repeats; ids: CallIds }
  | { ending: Ending; ids: CallIds };

/** Builds the request of an operation as `operations` describes it. */
export function toRequest(
  operation: string,
  args: Record<string, unknown>,
  { headers: added, idempotencyKey }: KeyedOptions,
): ToRequest {
  const [method = '', template = '', flag] = operation.split(' ');
  const ids: CallIds = {};
  const rest = { ...args };
  let isPath = true;
  let path = template.replace(/\{(\w+)\}/g, (_, name: string) => {
    delete rest[name];
    const segment = pathSegment(args[name]);
    isPath &&= segment !== undefined;
    return segment ?? '';
  });
  if (!isPath) return { ending: refusedHere(), ids };

  const headers: Record<string, string> = { ...added };
  if (flag === 'key') {
    ids.idempotency_key = idempotencyKey ?? newKey();
    headers['idempotency-key'] = ids.idempotency_key;
  }
  if (typeof args.claim_id === 'string' && flag !== undefined) ids.claim_id = args.claim_id;
  let body: string | undefined;
  if (method === 'GET') {
    path += queryOf(rest);
  } else if (method !== 'DELETE') {
    body = JSON.stringify(rest);
    headers['content-type'] = 'application/json';
  }
  const repeats = method === 'GET' ? 'read' : flag === undefined ? 'once' : 'repeat';
  return { request: { method, path, headers, body, isHealth: flag === 'health' }, repeats, ids };
}

function queryOf(args: Record<string, unknown>): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(args)) {
    if (value === undefined) continue;
    for (const one of Array.isArray(value) ? value : [value]) query.append(name, String(one));
  }
  const text = query.toString();
  return text === '' ? '' : `?${text}`;
}

/** Undefined for what a URL cannot carry as one segment: it would name another path. */
function pathSegment(value: unknown): string | undefined {
  const text = String(value ?? '');
  if (/^\.{0,2}$/.test(text)) return undefined;
  try {
    return encodeURIComponent(text);
  } catch {
    // It has half of a surrogate pair.
    return undefined;
  }
}

function refusedHere(): Ending {
  const body = invalidProblem('a name or an id is empty, or cannot be a part of a path');
  return { isFinal: true, isKnown: true, status: body.status, body, replayed: false };
}
