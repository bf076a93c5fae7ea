// SPDX-License-Identifier: GPL-3.0-or-later
/** The alerts about the service, its database and its queue. Runs beside the other file, which has the other alerts. */
import { describe } from 'vitest';
import { isLacking, testAlerts, useObserved } from './observed.ts';
import { scenariosOfQueue } from './queue.ts';
import { scenariosOfService } from './scenarios.ts';

describe.skipIf(isLacking)('the alerts about the service, its database and its queue', () => {
  // Those of the queue first: they need little of the processor while a sale in the other file must go well.
  testAlerts(useObserved(), { ...scenariosOfQueue, ...scenariosOfService });
});
