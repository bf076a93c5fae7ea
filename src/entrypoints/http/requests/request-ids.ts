// SPDX-License-Identifier: GPL-3.0-or-later
import { randomBytes } from 'node:crypto';

/** Creates ids that are unique across processes and restarts: a random prefix and a counter, which costs little. */
export function requestIds(): () => string {
  const prefix = randomBytes(9).toString('base64url');
  let count = 0;
  return () => {
    count += 1;
    return `${prefix}-${count.toString(36)}`;
  };
}
