// SPDX-License-Identifier: GPL-3.0-or-later
import { randomBytes } from 'node:crypto';

/** Ids that are unique across processes and restarts, at the price of a counter. */
export function requestIds(): () => string {
  const prefix = randomBytes(9).toString('base64url');
  let count = 0;
  return () => {
    count += 1;
    return `${prefix}-${count.toString(36)}`;
  };
}
