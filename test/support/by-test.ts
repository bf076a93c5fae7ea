// SPDX-License-Identifier: GPL-3.0-or-later
import type { ActedBy } from '../../src/core/operator-log/operator-log.ts';

/** Who makes the changes of tests that call the stores or use cases. */
export const byTest: ActedBy = { actor: 'cli', requestId: null };
