// SPDX-License-Identifier: GPL-3.0-or-later

/** How HTTP presents a code. */
export type ProblemKind = {
  status: number;
  title: string;
  /** The text that clients of this API family compare with; for `invalid_request` the reason follows it. */
  error: string;
  /** `none`: the call changed nothing. `unknown`: it may have changed something. */
  effect: 'none' | 'unknown';
  /** The range of `Retry-After`. Each response draws from it, so that clients do not all return at once. */
  retryAfterSeconds?: { min: number; max: number };
  /** For the documentation: what the code means and what a client can do. */
  meaning: string;
};
