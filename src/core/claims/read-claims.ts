// SPDX-License-Identifier: GPL-3.0-or-later
import { couponNotFound } from '../coupons/coupon.ts';
import { AppError } from '../errors.ts';
import type { Claim } from './claim.ts';
import type {
  ClaimPage,
  ClaimReader,
  CouponClaimQuery,
  UserClaimPage,
  UserClaimQuery,
} from './ports.ts';

/** Reads what is claimed. Unknown coupons and claims are faults: `coupon_not_found`, `claim_not_found`. */
export type ReadClaims = {
  /** The live claim of a user. The fault of a user without one has the last claim that was released. */
  find(couponName: string, userId: string): Promise<Claim>;
  list(query: CouponClaimQuery): Promise<ClaimPage>;
  /** The claims of one user over all coupons, a page at a time. */
  listOfUser(query: UserClaimQuery): Promise<UserClaimPage>;
  /**
   * All claims of a coupon that the query means, in order of position, a page at a time, in bounded memory. Positions are
   * given and committed in order, so no claim is missing between two pages; claims that are stored meanwhile are at the end,
   * or left out. A claim that changes meanwhile is shown as it was when its page was read.
   */
  exportAll(query: ExportQuery): Promise<AsyncGenerator<Claim[]>>;
};

/** Which claims of a coupon are exported. */
export type ExportQuery = Omit<CouponClaimQuery, 'afterPosition' | 'limit'>;

const exportPageSize = 1000;
// A page of a user's claims looks at no more coupons than this: each costs a look-up.
const walkMax = 1000;

/** Creates the use cases over a reader. */
export function readClaimsWith(reader: ClaimReader): ReadClaims {
  const list: ReadClaims['list'] = async (query) => {
    const page = await reader.listClaims(query);
    if (page === 'coupon_not_found') throw couponNotFound();
    return page;
  };
  return {
    list,
    listOfUser: (query) => reader.listUserClaims({ ...query, walkMax }),
    async find(couponName, userId) {
      const claim = await reader.findClaim(couponName, userId);
      if (claim === 'coupon_not_found') throw couponNotFound();
      if (claim === undefined || claim.state === 'released') {
        throw new AppError('claim_not_found', {
          detail: 'this user holds no claim of this coupon',
          ...(claim !== undefined && { lastClaim: claim }),
        });
      }
      return claim;
    },
    async exportAll(query) {
      // Read before the first byte is sent, so that an unknown coupon still becomes a fault.
      const first = await list({ ...query, afterPosition: 0, limit: exportPageSize });
      return pages(query, first);
    },
  };

  async function* pages(query: ExportQuery, first: ClaimPage): AsyncGenerator<Claim[]> {
    let page = first;
    for (;;) {
      if (page.claims.length > 0) yield page.claims;
      const afterPosition = nextAfter(page);
      if (afterPosition === undefined) return;
      page = await list({ ...query, afterPosition, limit: exportPageSize });
    }
  }
}

/** The position after which the next page of a coupon's claims begins; undefined after the last page. */
export function nextAfter({ claims, more, walkedTo }: ClaimPage): number | undefined {
  return more ? (walkedTo ?? claims.at(-1)?.position) : undefined;
}
