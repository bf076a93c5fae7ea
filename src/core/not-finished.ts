// SPDX-License-Identifier: GPL-3.0-or-later
import { AppError } from './errors.ts';

/** The fault for a call that needs holds or changes of claims while the database still serves older releases. */
export function notFinished(): AppError {
  return new AppError('unavailable', {
    detail: 'run `firstcome migrate --finish` once all services are of this release',
  });
}
