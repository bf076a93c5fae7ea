// SPDX-License-Identifier: GPL-3.0-or-later
import { Link } from '../routing/link.tsx';
import { Text } from '../ui/text.tsx';

/** A link to the sale of a coupon. */
export function SaleLink({ name }: { name: string }) {
  return (
    <Link view="sale" query={{ name }}>
      <Text of={name} />
    </Link>
  );
}

/** A link to what happened to a claim. */
export function TimelineLink({
  couponName,
  claimId,
  label,
}: {
  couponName: string;
  claimId: string;
  label: string;
}) {
  return (
    <Link view="claim" query={{ coupon: couponName, id: claimId }}>
      {label}
    </Link>
  );
}

/** A link to all claims of a user. */
export function UserLink({ userId }: { userId: string }) {
  return (
    <Link view="claims" query={{ user: userId }}>
      <Text of={userId} />
    </Link>
  );
}
