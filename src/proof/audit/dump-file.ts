// SPDX-License-Identifier: GPL-3.0-or-later
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { finished } from 'node:stream/promises';
import type { Dump } from '../dump.ts';
import { RecordingError } from './read-lines.ts';
import { microseconds } from './times.ts';

/** Writes a dump as JSON with one row a line: easy to read, and a large dump needs no large string in memory. */
export async function writeDump(file: string, dump: Dump): Promise<void> {
  const stream = createWriteStream(file, { encoding: 'utf8' });
  const done = finished(stream);
  // The last line awaits this promise; until then a rejection must not count as unhandled.
  done.catch(() => undefined);
  const { coupons, claims, ledger, released_claims, redemptions, sagas, saga_steps, ...others } =
    dump;
  const { tickets, ...head } = others;
  const newer = {
    ...(released_claims && { released_claims }),
    ...(redemptions && { redemptions }),
    ...(sagas && { sagas }),
    ...(saga_steps && { saga_steps }),
    ...(tickets && { tickets }),
  };
  stream.write(JSON.stringify(head).slice(0, -1));
  for (const [name, rows] of Object.entries({ coupons, claims, ledger, ...newer })) {
    stream.write(`,\n"${name}": [`);
    let separator = '\n';
    for (const row of rows) {
      const hasRoom = stream.write(separator + JSON.stringify(row));
      separator = ',\n';
      if (!hasRoom && !stream.destroyed) await Promise.race([once(stream, 'drain'), done]);
    }
    stream.write('\n]');
  }
  stream.end('\n}\n');
  await done;
}

/** Reads a file of `writeDump`. Throws when it is not a dump, or when `assertDump` throws. */
export async function readDump(file: string): Promise<Dump> {
  const text = await readFile(file, 'utf8');
  let dump: Dump;
  try {
    dump = JSON.parse(text);
  } catch {
    throw new RecordingError(`this is not a dump: ${advice}`);
  }
  assertDump(dump);
  return dump;
}

const advice = 'name a file that `firstcome audit --write-dump` wrote';

/** Throws when a row lacks a member that the rules compare, or contains an invalid time. */
export function assertDump(dump: Dump): void {
  if (dump.dump !== 'firstcome' || dump.version !== 1)
    throw new RecordingError(`this is not a dump: ${advice}`);
  assertRows('coupons', dump.coupons, {
    texts: ['id', 'name', 'ledger_seq'],
    ints: ['amount', 'remaining_amount'],
    times: ['created_at'],
  });
  assertRows('claims', dump.claims, {
    texts: ['coupon_id', 'user_id', 'claim_id'],
    ints: ['position'],
    times: ['claimed_at'],
  });
  assertRows('ledger', dump.ledger, {
    texts: ['coupon_id', 'seq', 'batch_id', 'kind'],
    ints: ['units', 'remaining_after'],
    times: ['recorded_at'],
  });
  assertRows('released_claims', dump.released_claims ?? [], {
    texts: ['coupon_id', 'user_id', 'claim_id'],
    ints: ['position'],
    times: ['claimed_at', 'released_at'],
  });
  assertRows('redemptions', dump.redemptions ?? [], {
    texts: ['coupon_id', 'user_id', 'claim_id'],
    ints: [],
    times: ['redeemed_at'],
  });
  assertRows('sagas', dump.sagas ?? [], {
    texts: ['saga_id', 'coupon_id', 'claim_id', 'user_id', 'state'],
    ints: ['position'],
    times: [],
  });
  assertRows('saga_steps', dump.saga_steps ?? [], {
    texts: ['saga_id', 'state'],
    ints: ['step'],
    times: [],
  });
  assertRows('tickets', dump.tickets ?? [], {
    texts: ['claim_id', 'outcome'],
    ints: [],
    times: ['accepted_at', 'decided_at'],
  });
}

function assertRows(
  name: string,
  rows: readonly object[],
  { texts, ints, times }: { texts: string[]; ints: string[]; times: string[] },
): void {
  if (!Array.isArray(rows)) throw new RecordingError(`the dump has no ${name}`);
  for (const [index, row] of rows.entries()) {
    const values = row as Record<string, unknown>;
    const wrong =
      texts.find((member) => typeof values[member] !== 'string') ??
      ints.find((member) => !Number.isInteger(values[member])) ??
      times.find((member) => Number.isNaN(microseconds(String(values[member]))));
    if (wrong !== undefined)
      throw new RecordingError(`row ${index} of ${name}: ${wrong} is missing or wrong`);
  }
}
