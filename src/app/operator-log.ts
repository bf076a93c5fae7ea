// SPDX-License-Identifier: GPL-3.0-or-later
/** The command `log`: reads the operator log of a running service over HTTP, as any operator can. */
import type { Config } from '../config.ts';
import { StartError } from '../core/errors.ts';
import type { LoggedCoupon } from '../core/operator-log/operator-log.ts';
import type { LogOptions, Output } from '../entrypoints/cli/program.ts';
import { ownUrl } from './own-url.ts';

/** An entry as the API returns it. */
type EntryBody = {
  at: string;
  actor: string;
  action: string;
  coupon_name: string;
  before: LoggedCoupon | null;
  after: LoggedCoupon;
  reason: string | null;
};

const pageMax = 1000;
const timeoutMs = 30_000;

/** Prints the newest entries. Rejects with a `StartError` that says what to do. */
export async function printOperatorLog(
  { http: { host, port }, auth }: Config,
  { url = ownUrl(host, port), limit, json }: LogOptions,
  output: Output,
): Promise<void> {
  const origin = originOf(url);
  const key = auth.adminApiKey?.reveal();
  let cursor: string | null = null;
  for (let left = limit; left > 0; ) {
    const query = new URLSearchParams({ limit: String(Math.min(left, pageMax)) });
    if (cursor !== null) query.set('cursor', cursor);
    const page = await readPage(`${origin}/api/operator-log?${query}`, origin, key);
    for (const entry of page.entries) {
      output.stdout(`${json ? JSON.stringify(entry) : lineOf(entry)}\n`);
    }
    left -= page.entries.length;
    cursor = page.next_cursor;
    if (cursor === null) return;
  }
}

function originOf(url: string): string {
  try {
    const { protocol, origin, username, password } = new URL(url);
    if (/^https?:$/.test(protocol) && username + password === '') return origin;
  } catch {
    // Reported below, without a URL that may hold a password.
  }
  throw new StartError('the URL must be http://host:port or https://host:port');
}

async function readPage(
  path: string,
  origin: string,
  key: string | undefined,
): Promise<{ entries: EntryBody[]; next_cursor: string | null }> {
  const headers: Record<string, string> =
    key === undefined ? {} : { Authorization: `Bearer ${key}` };
  try {
    const response = await fetch(path, { headers, signal: AbortSignal.timeout(timeoutMs) });
    if (!response.ok) throw new StartError(refusalBy(origin, response.status));
    return (await response.json()) as Awaited<ReturnType<typeof readPage>>;
  } catch (error) {
    if (error instanceof StartError) throw error;
    throw new StartError(
      `the service at ${origin} does not answer\nStart it, or set its address with --url.`,
      { cause: error },
    );
  }
}

function refusalBy(origin: string, status: number): string {
  switch (status) {
    case 401:
    case 403:
      return `the service at ${origin} refuses the key (${status})\nSet ADMIN_API_KEY to its admin key.`;
    case 404:
      return `what answers at ${origin} has no operator log\nSet the address of the service with --url.`;
    default:
      return `the service at ${origin} cannot read its operator log now (${status})`;
  }
}

/** The coupon's name is quoted, so that spaces at its ends show. */
function lineOf({
  at,
  actor,
  action,
  coupon_name: name,
  before,
  after,
  reason,
}: EntryBody): string {
  const columns = [at, actor.padEnd(10), action.padEnd(16), JSON.stringify(name)];
  const changes = changesIn(before, after);
  if (reason !== null) changes.push(`reason ${JSON.stringify(reason)}`);
  return [...columns, changes.join(', ')].join('  ').trimEnd();
}

/** What differs; of a new coupon what is not empty. */
function changesIn(before: LoggedCoupon | null, after: LoggedCoupon): string[] {
  return Object.entries(after).flatMap(([name, value]) => {
    const old = before?.[name as keyof LoggedCoupon];
    if (before === null) {
      return value === null || value === false ? [] : [`${name} ${shown(name, value)}`];
    }
    return old === value ? [] : [`${name} ${shown(name, old)} -> ${shown(name, value)}`];
  });
}

/** Texts are quoted, so that one with line breaks stays on its line. Times need no quotes. */
function shown(name: string, value: string | number | boolean | null | undefined): string {
  if (value === null || value === undefined) return 'none';
  return typeof value === 'string' && !name.endsWith('_at') ? JSON.stringify(value) : String(value);
}
