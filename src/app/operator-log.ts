// SPDX-License-Identifier: GPL-3.0-or-later
/** The command `log`: reads the operator log of a running service over HTTP, as any operator can. */
import type { Config } from '../config.ts';
import { StartError } from '../core/errors.ts';
import type {
  LoggedClaim,
  LoggedSubject,
  LoggedWebhook,
} from '../core/operator-log/operator-log.ts';
import type { LogOptions, Output } from '../entrypoints/cli/program.ts';
import { ownUrl } from './own-url.ts';
import { originOf, sendTo } from './service-client.ts';

/** An entry as the API returns it. */
type EntryBody = {
  at: string;
  actor: string;
  action: string;
  coupon_name: string | null;
  before: LoggedSubject | null;
  after: LoggedSubject | null;
  reason: string | null;
};

const pageMax = 1000;
// A time has up to six digits after the second.
const timeColumns = '2026-11-22T14:38:53.886006Z'.length;

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
    const page = await readPage(origin, `/api/operator-log?${query}`, key);
    for (const entry of page.entries) {
      output.stdout(`${json ? JSON.stringify(entry) : lineOf(entry)}\n`);
    }
    left -= page.entries.length;
    cursor = page.next_cursor;
    if (cursor === null) return;
  }
}

async function readPage(
  origin: string,
  path: string,
  key: string | undefined,
): Promise<{ entries: EntryBody[]; next_cursor: string | null }> {
  const { status, text } = await sendTo(origin, { path, key });
  if (status !== 200) throw new StartError(refusalBy(origin, status));
  return JSON.parse(text) as Awaited<ReturnType<typeof readPage>>;
}

function refusalBy(origin: string, status: number): string {
  switch (status) {
    case 401:
    case 403:
      return `the service at ${origin} wants a valid key (${status})\nSet ADMIN_API_KEY to its admin key.`;
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
  const columns = [
    at.padEnd(timeColumns),
    actor.padEnd(10),
    action.padEnd(16),
    name === null ? '-' : JSON.stringify(name),
  ];
  const changes = [...subjectIn(after ?? before), ...changesIn(before, after)];
  if (reason !== null) changes.push(`reason ${JSON.stringify(reason)}`);
  return [...columns, changes.join(', ')].join('  ').trimEnd();
}

/** Which webhook, saga, dead letter, or claim of the coupon the entry is about, if it is. */
function subjectIn(logged: LoggedSubject | null): string[] {
  if (logged === null) return [];
  if ('webhook_id' in logged) return [`webhook_id ${logged.webhook_id}`];
  if ('saga_id' in logged) return [`saga_id ${logged.saga_id}`];
  if ('dead_letter_id' in logged) return [`dead_letter_id ${logged.dead_letter_id}`];
  if (!('claim_id' in logged)) return [];
  return [`user_id ${JSON.stringify(logged.user_id)}`, `position ${logged.position}`];
}

/** What differs; of what was created or deleted all that is not empty. */
function changesIn(before: EntryBody['before'], after: EntryBody['after']): string[] {
  const values = { ...before } as Record<string, unknown>;
  // The line begins with the id of a webhook, and ends with the reason of a release.
  const left = (after ?? before) as Partial<LoggedClaim & LoggedWebhook>;
  const { webhook_id: _id, reason: _reason, ...others } = left;
  return Object.entries(others).flatMap(([name, value]) => {
    const old = values[name];
    if (before === null || after === null) {
      return value === null || value === false ? [] : [`${name} ${shown(name, value)}`];
    }
    // The list of events is another one in each entry, also where it is the same.
    if (JSON.stringify(old) === JSON.stringify(value)) return [];
    return [`${name} ${shown(name, old)} -> ${shown(name, value)}`];
  });
}

/** Texts are quoted, so that one with line breaks stays on its line. Times need no quotes. */
function shown(name: string, value: unknown): string {
  if (value === null || value === undefined) return 'none';
  return typeof value === 'string' && !name.endsWith('_at') ? JSON.stringify(value) : String(value);
}
