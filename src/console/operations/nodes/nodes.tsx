// SPDX-License-Identifier: GPL-3.0-or-later
import type { Duty, Health } from '../../../client.ts';
import { service } from '../../service.ts';
import { Facts } from '../../ui/facts.tsx';
import { formatDuration, unknown } from '../../ui/format.ts';
import { RefusalNote } from '../../ui/refusal-note.tsx';
import { SectionLink } from '../../ui/section-link.tsx';
import { StateBadge } from '../../ui/state-badge.tsx';
import { TableScroll } from '../../ui/table-scroll.tsx';
import { Moment, Text } from '../../ui/text.tsx';
import { useServerNow } from '../../ui/use-now.ts';
import { useRead } from '../../ui/use-read.ts';
import { adviceOf, durabilityMeanings, dutyMeanings } from './health-words.ts';
import { LostHistoryPanel } from './lost-history.tsx';

const everyMs = 5_000;

/** How the node is that answers, and which nodes run the duties. */
export function Nodes() {
  const { value, refusal, isReading } = useRead((signal) => service.readHealth({}, { signal }), {
    ...{ key: 'health', everyMs },
  });
  return (
    <div class="stack">
      <h1>Nodes</h1>
      {refusal !== undefined && value !== undefined && (
        <p class="note">The last read was refused. What is below may be old.</p>
      )}
      <RefusalNote refusal={refusal} />
      {value === undefined && isReading && <p role="status">Reading …</p>}
      {value !== undefined && (
        <>
          <AnsweringNode health={value} />
          {value.reason === 'history_lost' && <LostHistoryPanel />}
          <Duties duties={value.duties} />
        </>
      )}
    </div>
  );
}

function AnsweringNode({ health }: { health: Health }) {
  const { status, durability, queue, version, database } = health;
  const advice = adviceOf(health);
  return (
    <section class="panel stack" aria-labelledby="answering-node">
      <h2 id="answering-node">The node that answers</h2>
      {advice !== undefined && (
        <div class="note error" role="alert">
          <p>{advice.meaning}</p>
          <p>
            <strong>What to do:</strong> {advice.todo}
          </p>
          <p>
            <SectionLink section={advice.section} label="Details in the runbook" />
          </p>
        </div>
      )}
      {health.upgrade_unfinished === true && (
        <p class="note">
          The upgrade is not finished: holds, and the confirm, release and redeem of a claim, are
          refused. When all nodes run this release, run <code>firstcome migrate --finish</code>.
        </p>
      )}
      <Facts
        of={[
          ['Status', <StateBadge key="status" state={status} />],
          ['Version', <Text key="version" of={version} />],
          [
            'Durability',
            durability === undefined ? (
              unknown
            ) : (
              <>
                <StateBadge state={durability} /> <small>{durabilityMeanings[durability]}</small>
              </>
            ),
          ],
          [
            'Queue of claims',
            queue === undefined ? 'none (AMQP_URL is not set)' : <StateBadge state={queue} />,
          ],
          [
            'Database',
            database === 'bundled' ? 'bundled with the service' : 'external (DATABASE_URL)',
          ],
          [
            'Administration',
            health.anonymous_admin === true ? 'needs no key' : 'needs the admin key',
          ],
        ]}
      />
      <p>
        <a href="/metrics">Metrics of this node</a> <small>as text for Prometheus</small>
      </p>
    </section>
  );
}

function Duties({ duties }: { duties: Duty[] | undefined }) {
  return (
    <section class="panel stack" aria-labelledby="duties">
      <h2 id="duties">Duties</h2>
      <p>Work that one node does for all. Another one takes over within six seconds.</p>
      {duties === undefined ? (
        <p class="note">Unknown: the database does not answer.</p>
      ) : (
        <TableScroll label="Table of the duties">
          <table>
            <thead>
              <tr>
                <th>Duty</th>
                <th>Node</th>
                <th>Since</th>
              </tr>
            </thead>
            <tbody>
              {duties.map((duty) => (
                <DutyRow key={duty.name} duty={duty} />
              ))}
            </tbody>
          </table>
        </TableScroll>
      )}
    </section>
  );
}

function DutyRow({ duty: { name, node, since } }: { duty: Duty }) {
  const now = useServerNow();
  return (
    <tr>
      <td>
        {name} <small class="below">{dutyMeanings[name]}</small>
      </td>
      <td>{node === undefined ? <span class="badge bad">no node</span> : <Text of={node} />}</td>
      <td>
        <Moment at={since} />
        {since !== undefined && now !== undefined && (
          <small class="below">for {formatDuration(now - Date.parse(since))}</small>
        )}
      </td>
    </tr>
  );
}
