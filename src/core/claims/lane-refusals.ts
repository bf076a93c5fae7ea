// SPDX-License-Identifier: GPL-3.0-or-later
import { AppError } from '../errors.ts';

/**
 * What a claim hears that is not let into its lane. Each is made once and told to all: in an overload nearly every claim
 * ends here, and to note down where, for each of them, was a tenth of what the process did.
 */
export const laneRefusals = {
  stopping: new AppError('unavailable', { detail: 'the service is stopping' }),
  waiting: new AppError('overloaded', { detail: 'too many claims are waiting' }),
  lanes: new AppError('overloaded', { detail: 'claims of too many coupons are waiting' }),
  lane: new AppError('overloaded', { detail: 'too many claims of this coupon are waiting' }),
  wait: new AppError('overloaded', {
    detail: 'claims of this coupon would have to wait too long',
  }),
};
