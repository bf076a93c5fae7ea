// SPDX-License-Identifier: GPL-3.0-or-later
import { Text } from './text.tsx';
import './ui.css';

/** An id, in letters that are easy to compare. */
export function Identifier({ of: id }: { of: string }) {
  return (
    <span class="identifier">
      <Text of={id} />
    </span>
  );
}
