// SPDX-License-Identifier: GPL-3.0-or-later

/**
 * The id of an installation, out of the identity that the database shows for it. Each copy of the database has the same id, and
 * an identity of its own.
 */
export function installationIdIn(identity: string): string {
  return identity.slice(0, identity.indexOf('/'));
}
