// SPDX-License-Identifier: GPL-3.0-or-later

/** The members of an argument without those that are undefined, which count as absent. */
export function definedMembers(members: object): object {
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined));
}
