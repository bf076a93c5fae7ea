// SPDX-License-Identifier: GPL-3.0-or-later
/** Whether this run includes tests that are slow and seldom fail: `npm run test:long`. */
export const isLong = process.env.TEST_LONG === '1';
