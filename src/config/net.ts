// SPDX-License-Identifier: GPL-3.0-or-later

/** Node's `net`, loaded at the first use: an import would be an eighth of what `firstcome config` takes. */
export function net() {
  return process.getBuiltinModule('node:net');
}
