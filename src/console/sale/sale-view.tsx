// SPDX-License-Identifier: GPL-3.0-or-later
import { Text } from '../ui/text.tsx';

/** One sale, live. */
export function SaleView({ name }: { name: string }) {
  return (
    <h1>
      <Text of={name} />
    </h1>
  );
}
