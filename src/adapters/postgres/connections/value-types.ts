// SPDX-License-Identifier: GPL-3.0-or-later
import pg from 'pg';

/**
 * How values are read: times as texts in RFC 3339, with the microseconds that a Date would drop. What the host of an
 * embedded engine has set for all of its process must not change what a number, a text or an array is here.
 */
const parsers: Record<number, (value: string) => unknown> = {
  [pg.types.builtins.BOOL]: (value) => value === 't',
  [pg.types.builtins.INT4]: Number,
  // As a text: it may be larger than a number can hold exactly.
  [pg.types.builtins.INT8]: String,
  [pg.types.builtins.FLOAT8]: Number,
  [pg.types.builtins.TEXT]: String,
  [pg.types.builtins.UUID]: String,
  [pg.types.builtins.TIMESTAMPTZ]: toRfc3339,
};

/** For each query of the service's own. */
export const types: pg.CustomTypesConfig = {
  getTypeParser: (type: number, format?: 'text' | 'binary') =>
    parsers[type] ?? pg.types.getTypeParser(type, format as 'text'),
};

// All claims of a batch carry one time, so the last one is nearly always the next one.
let lastTime = { value: '', text: '' };

function toRfc3339(value: string): string {
  if (value !== lastTime.value) {
    lastTime = { value, text: value.replace(' ', 'T').replace('+00', 'Z') };
  }
  return lastTime.text;
}
