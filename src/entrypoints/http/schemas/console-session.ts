// SPDX-License-Identifier: GPL-3.0-or-later
import { Type } from 'typebox';
import { enumOf } from './enums.ts';

const endTime = (description: string) =>
  Type.Unsafe<string | null>({ type: ['string', 'null'], format: 'date-time', description });

/** Who is logged in to the console. */
export const ConsoleSessionBody = Type.Object(
  {
    role: enumOf(['operator', 'viewer'], {
      description: '`viewer`: may read, and change nothing.',
    }),
    open_access: Type.Boolean({
      description: 'The service has no admin key: every caller is an operator.',
    }),
    ends_at: endTime('When the session ends in any case. Null: there is none.'),
    idle_ends_at: endTime('When it ends without another request; half a minute too early at most.'),
  },
  { $id: 'ConsoleSession' },
);
