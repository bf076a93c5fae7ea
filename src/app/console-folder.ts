// SPDX-License-Identifier: GPL-3.0-or-later
import { join } from 'node:path';

/** Where the build puts the console, also for a service that runs from source. */
export const consoleFolder = join(import.meta.dirname, '../../dist/console');
