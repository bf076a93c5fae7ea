// SPDX-License-Identifier: GPL-3.0-or-later
/** The command `accept-history`: lists and accepts lost history by calls of a running service, as any operator can. */
import type { Config } from '../config.ts';
import type { AcceptHistoryOptions, Output, Verdict } from '../entrypoints/cli/program.ts';
import { ownUrl } from './own-url.ts';
import { answerTo, LostAnswerError, originOf, refusalBy } from './service-client.ts';

/** Lost history as the API returns it. */
type LostHistoryBody = {
  total: number;
  found_until: string | null;
  batches: {
    batch_id: string;
    coupon_name: string;
    claims: number;
    changes: number;
    position: number;
    user_id: string;
    acknowledged_at: string;
  }[];
};

/**
 * Lists the batches that the database lacks, and accepts the loss with `yes`. Resolves to `unknown` when the answer was lost.
 * Rejects with a `StartError` that says what to do when the service refuses a call, or cannot be reached.
 */
export async function acceptHistory(
  { http: { host, port }, auth }: Config,
  { url = ownUrl(host, port), yes = false, json = false }: AcceptHistoryOptions,
  output: Output,
): Promise<Verdict> {
  const origin = originOf(url);
  const key = auth.adminApiKey?.reveal();
  const listed = await answerTo<LostHistoryBody>(
    origin,
    { path: '/api/lost-history', key },
    'batches',
  );
  if (!listed.isDone) throw refusalBy(origin, listed.body);
  const { found_until: foundUntil, ...lost } = listed.body;
  output.stdout(json ? `${listed.text.trim()}\n` : linesOf(lost));
  if (foundUntil === null) return 'passed';
  if (!yes) {
    output.stderr('nothing was accepted; to go on without these batches add --yes\n');
    return 'passed';
  }
  const call = {
    ...{ method: 'POST' as const, path: '/api/lost-history/accept', key },
    body: { found_until: foundUntil },
  };
  try {
    const answer = await answerTo<{ accepted: number }>(origin, call, 'accepted');
    if (answer.isDone) {
      if (!json) output.stdout(`accepted: ${answer.body.accepted} batches\n`);
      return 'passed';
    }
    if (answer.body.code !== 'outcome_unknown') throw refusalBy(origin, answer.body);
  } catch (error) {
    if (!(error instanceof LostAnswerError)) throw error;
  }
  output.stderr(
    'firstcome: the answer was lost, and the loss may be accepted\nRunning the same command again is safe.\n',
  );
  return 'unknown';
}

/** A line for each batch, the oldest first. Names are quoted, so that spaces at their ends show. */
function linesOf({ total, batches }: Omit<LostHistoryBody, 'found_until'>): string {
  if (total === 0) return 'the database has all batches that were acknowledged\n';
  const lines = batches.map((batch) => {
    const [coupon, user] = [batch.coupon_name, batch.user_id].map((name) => JSON.stringify(name));
    const counts = [
      ...(batch.claims > 0 ? [countOf(batch.claims, 'claim')] : []),
      ...(batch.changes > 0 ? [countOf(batch.changes, 'change')] : []),
    ];
    return `${batch.acknowledged_at}  ${counts.join(', ')} of coupon ${coupon}, the last: user ${user}, position ${batch.position}`;
  });
  const rest = total - batches.length;
  return [
    `the database lacks ${countOf(total, 'batch', 'batches')} that were acknowledged:`,
    ...lines,
    ...(rest > 0 ? [`and ${rest} more`] : []),
  ]
    .map((line) => `${line}\n`)
    .join('');
}

function countOf(count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`;
}
