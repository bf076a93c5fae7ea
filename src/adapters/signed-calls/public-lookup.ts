// SPDX-License-Identifier: GPL-3.0-or-later
import dns from 'node:dns';
import type { LookupFunction } from 'node:net';
import { isPublicAddress } from './public-address.ts';

/** Resolves a name to all its addresses. */
export type Resolve = (host: string) => Promise<{ address: string; family: number }[]>;

/** A name resolves to an address that may not be called. */
export class ForbiddenAddressError extends Error {
  override readonly name = 'ForbiddenAddressError';
}

/** Resolves as other programs on this machine do, also by its hosts file. */
export const resolveWithSystem: Resolve = (host) => dns.promises.lookup(host, { all: true });

/** Resolves a name for a connection. With `onlyPublic` it fails when one of the addresses is not public. */
export function lookupWith(resolve: Resolve, { onlyPublic }: { onlyPublic: boolean }) {
  const lookup: LookupFunction = (host, { all, family }, callback) => {
    resolve(host).then(
      (found) => {
        const usable = found.filter((one) => !family || one.family === family);
        const [first] = usable;
        if (onlyPublic && found.some(({ address }) => !isPublicAddress(address))) {
          callback(new ForbiddenAddressError(`${host} has an address that is not public`), '', 0);
        } else if (first === undefined) {
          callback(new Error(`${host} has no address`), '', 0);
        } else if (all) {
          callback(null, usable);
        } else {
          callback(null, first.address, first.family);
        }
      },
      (error) => callback(error, '', 0),
    );
  };
  return lookup;
}
