// SPDX-License-Identifier: GPL-3.0-or-later
/** What an entry of the operator log changed, member by member. */
import type { OperatorLogEntry } from '../../../client.ts';

/** One member of what was changed. Undefined: it was not there. */
export type LogChange = { member: string; before: string | undefined; after: string | undefined };

type Members = Record<string, unknown>;

/** The members that differ. Where only one side is there, all of its members that are set. */
export function changesOf({ before, after }: OperatorLogEntry): LogChange[] {
  const [old, now] = [before as Members | null, after as Members | null];
  const members = [...new Set([...Object.keys(old ?? {}), ...Object.keys(now ?? {})])];
  return members
    .map((member) => ({
      ...{ member, before: textOf(old?.[member]), after: textOf(now?.[member]) },
    }))
    .filter((change) => change.before !== change.after);
}

function textOf(value: unknown): string | undefined {
  if (value === null || value === undefined) return undefined;
  if (Array.isArray(value)) return value.join(', ');
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}
