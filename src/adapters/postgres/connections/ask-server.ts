// SPDX-License-Identifier: GPL-3.0-or-later
import pg from 'pg';
import type { ServerAddress } from '../../../core/connection-location.ts';
import { statement } from '../statements.ts';
import { connectionConfig } from './connection-config.ts';
import { destroySocket, endWithin } from './connection-timeouts.ts';
import { noAnswer, type PrimaryFacts } from './primary-finder.ts';
import { NotPrimaryError, type SessionFacts } from './verify-session.ts';

const locatePrimary = statement('locate-primary');
const endMsMax = 500;

/** Asks a server whether it is a primary. Rejects with the reason when it is none, or does not answer in time. */
export async function askServer(
  url: string,
  server: ServerAddress,
  timeoutMs: number,
): Promise<PrimaryFacts> {
  const client = new pg.Client(connectionConfig(url, { name: 'firstcome check' }, server));
  let isLate = false;
  client.on('error', () => undefined);
  // The driver's own timeout ends at the server's greeting.
  const timer = setTimeout(() => {
    isLate = true;
    destroySocket(client);
  }, timeoutMs);
  try {
    await client.connect();
    const { rows } = await client.query<SessionFacts & { timeline: number }>(locatePrimary.text);
    const [facts] = rows;
    if (facts === undefined) throw new Error('the server returned no row');
    if (facts.in_recovery) throw new NotPrimaryError({ inRecovery: true });
    return { writes: !facts.read_only, timeline: facts.timeline };
  } catch (error) {
    if (!isLate) throw error;
    throw noAnswer(`it did not answer within ${timeoutMs} ms`, error);
  } finally {
    clearTimeout(timer);
    void endWithin(client, endMsMax);
  }
}
