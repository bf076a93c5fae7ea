// SPDX-License-Identifier: GPL-3.0-or-later
import { useEffect, useId, useRef, useState } from 'preact/hooks';
import { SectionLink } from '../ui/section-link.tsx';
import { formatTimeOfDay } from '../ui/time-of-day.ts';
import { type Alarm, type AlarmSet, announcementOf } from './alarm.ts';
import './alarms.css';
import { useFirstSeen } from './use-first-seen.ts';

/** A panel with the alarms, and with what is not known. */
export function AlarmList({ set }: { set: AlarmSet }) {
  const { alarms, unknown, pending } = set;
  const firstSeen = useFirstSeen(alarms);
  const titleId = useId();
  const isWell = alarms.length + unknown.length + pending.length === 0;
  return (
    <section class="panel alarms" aria-labelledby={titleId}>
      <div class="row">
        <h2 id={titleId}>Alarms</h2>
        {isWell && (
          <span class="no-alarms">
            <span aria-hidden="true">✓</span> No alarms
          </span>
        )}
      </div>
      {alarms.length > 0 && (
        <ul>
          {alarms.map((alarm) => (
            <AlarmItem key={alarm.id} alarm={alarm} seenMs={firstSeen.get(alarm.id)} />
          ))}
        </ul>
      )}
      {unknown.length > 0 && <p class="unknown-alarms">Not known: {unknown.join(', ')}.</p>}
      {pending.length > 0 && <p class="unknown-alarms">Still reading: {pending.join(', ')}.</p>}
      <Announcement alarms={alarms} />
    </section>
  );
}

const words = { critical: 'Critical', warning: 'Warning' };
const icons = { critical: '◆', warning: '▲' };

function AlarmItem({ alarm, seenMs }: { alarm: Alarm; seenMs: number | undefined }) {
  const { severity, text, sinceMs, section } = alarm;
  const sinceText =
    sinceMs !== undefined
      ? `since ${formatTimeOfDay(sinceMs)}`
      : seenMs !== undefined && `seen first at ${formatTimeOfDay(seenMs)}`;
  return (
    <li class={`alarm ${severity}`}>
      <strong class="severity">
        <span aria-hidden="true">{icons[severity]}</span> {words[severity]}
      </strong>
      <span class="text">
        {text} <small>{sinceText}</small>
      </span>
      <SectionLink section={section} label="What to do" />
    </li>
  );
}

/** Says when an alarm begins or ends, and nothing while the same ones are there. */
function Announcement({ alarms }: { alarms: readonly Alarm[] }) {
  const before = useRef<readonly Alarm[]>([]);
  const [text, setText] = useState('');
  useEffect(() => {
    const announcement = announcementOf(before.current, alarms);
    before.current = alarms;
    if (announcement !== undefined) setText(announcement);
  }, [alarms]);
  return (
    <p role="status" class="visually-hidden">
      {text}
    </p>
  );
}
