// SPDX-License-Identifier: GPL-3.0-or-later
import type pg from 'pg';
import { consistencyRules } from './consistency-rules.ts';

/** A rule that the stored records break, and one of the rows that break it. */
export type BrokenRule = { name: string; sentence: string; rows: number; example: string };

/**
 * Runs the consistency rules on the tables in the search path, and returns those that are broken. No service may write
 * meanwhile, or the caller's transaction has one snapshot.
 */
export async function findBrokenRules(client: pg.ClientBase): Promise<BrokenRule[]> {
  const broken: BrokenRule[] = [];
  for (const { name, sentence, sql } of consistencyRules) {
    const { rows } = await client.query(sql);
    if (rows.length === 0) continue;
    broken.push({ name, sentence, rows: rows.length, example: JSON.stringify(rows[0]) });
  }
  return broken;
}

/** The lines that name broken rules to an operator. */
export function brokenRuleLines(broken: readonly BrokenRule[]): string[] {
  return broken.map(
    ({ name, sentence, rows, example }) =>
      `${name}: "${sentence}" is broken by ${rows} ${rows === 1 ? 'row' : 'rows'}, such as ${example}`,
  );
}
