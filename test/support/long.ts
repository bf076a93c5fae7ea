// SPDX-License-Identifier: GPL-3.0-or-later
import { describe } from 'vitest';

/** Whether this run includes tests that are slow and seldom fail: `npm run test:long`. */
export const isLong = process.env.TEST_LONG === '1';

/** `describe` for tests that only `npm run test:long` includes. */
export const describeLong: typeof describe = isLong ? describe : ((() => undefined) as never);
