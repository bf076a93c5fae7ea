// SPDX-License-Identifier: GPL-3.0-or-later
import { formatMoment, showInvisible, unknown } from './format.ts';

/** Text of others, such as a name. It cannot change the direction of what stands beside it. */
export function Text({ of: text }: { of: string }) {
  return <bdi class="text">{showInvisible(text)}</bdi>;
}

/** A moment in local time, its zone, and UTC. */
export function Moment({ at }: { at: string | number | null | undefined }) {
  if (at == null) return <span>{unknown}</span>;
  const { local, utc } = formatMoment(at);
  return (
    <time class="moment" dateTime={new Date(at).toISOString()}>
      {local} <small>{utc}</small>
    </time>
  );
}
