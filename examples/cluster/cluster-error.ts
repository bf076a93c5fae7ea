// SPDX-License-Identifier: GPL-3.0-or-later

/** Why the cluster cannot run, for its user. */
export class ClusterError extends Error {
  override readonly name = 'ClusterError';
}
