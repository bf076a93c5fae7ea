// SPDX-License-Identifier: GPL-3.0-or-later
import { randomBytes } from 'node:crypto';
import { invariant } from '../../../core/invariant.ts';
import { Secret } from '../../../core/secret.ts';
import type { Database } from '../database.ts';
import { throwAsReadError } from '../errors/app-error.ts';
import { statement } from '../statements.ts';

const keepTicketSecret = statement('keep-ticket-secret');
const secretBytes = 32;

/** Loads the secret of all nodes for ticket ids, in base64; the first node stores it. A start needs it in any case. */
export async function loadTicketSecret(database: Database): Promise<Secret> {
  const [row] = await database
    .probe<{ secret: Buffer }>(keepTicketSecret, [randomBytes(secretBytes)])
    .catch(throwAsReadError);
  invariant(row, 'there is a secret');
  return new Secret(row.secret.toString('base64'));
}
