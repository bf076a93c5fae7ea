// SPDX-License-Identifier: GPL-3.0-or-later
import pg from 'pg';

/**
 * How values are parsed: times as texts in RFC 3339, with the microseconds that a Date would drop. The host of an
 * embedded engine may change the driver's parsers for its process; these stay the same.
 */
const parsers: Record<number, (value: string) => unknown> = {
  [pg.types.builtins.BOOL]: (value) => value === 't',
  [pg.types.builtins.INT4]: Number,
  // A string, because a number cannot hold every bigint exactly.
  [pg.types.builtins.INT8]: String,
  [pg.types.builtins.FLOAT8]: Number,
  [pg.types.builtins.TEXT]: String,
  [pg.types.builtins.UUID]: String,
  [pg.types.builtins.JSONB]: JSON.parse,
  [pg.types.builtins.TIMESTAMPTZ]: toRfc3339,
};

/** The parsers for each query. */
export const types: pg.CustomTypesConfig = {
  getTypeParser: (type: number, format?: 'text' | 'binary') =>
    parsers[type] ?? pg.types.getTypeParser(type, format as 'text'),
};

// All claims of a batch have the same time, so the last time is nearly always the next one.
let lastTime = { value: '', text: '' };

function toRfc3339(value: string): string {
  if (value !== lastTime.value) {
    lastTime = { value, text: value.replace(' ', 'T').replace('+00', 'Z') };
  }
  return lastTime.text;
}
