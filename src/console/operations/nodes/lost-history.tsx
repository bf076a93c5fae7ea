// SPDX-License-Identifier: GPL-3.0-or-later
import { SaleLink, UserLink } from '../../search/claim-links.tsx';
import { service } from '../../service.ts';
import { formatCount } from '../../ui/format.ts';
import { RefusalNote } from '../../ui/refusal-note.tsx';
import { saveFile } from '../../ui/save-file.ts';
import { TableScroll } from '../../ui/table-scroll.tsx';
import { Moment, Text } from '../../ui/text.tsx';
import { useRead } from '../../ui/use-read.ts';

const everyMs = 5_000;

/** The acknowledged batches that the database lacks. */
export function LostHistoryPanel() {
  const { value, refusal } = useRead((signal) => service.readLostHistory({}, { signal }), {
    ...{ key: 'lost history', everyMs },
  });
  const save = () => {
    const text = `${JSON.stringify(value, null, 2)}\n`;
    saveFile(new Blob([text], { type: 'application/json' }), 'lost history.json');
  };
  return (
    <section class="panel stack" aria-labelledby="lost-history">
      <h2 id="lost-history">Lost history</h2>
      <RefusalNote refusal={refusal} />
      {value !== undefined && (
        <>
          <p>
            {formatCount(value.total)} batches are known to be lost
            {value.total > value.batches.length &&
              `; the first ${formatCount(value.batches.length)} are listed`}
            . Each node knows the last 100 that it has acknowledged, so batches before the first one
            may be missing too.
          </p>
          <div>
            <button type="button" onClick={save}>
              Download the list as JSON
            </button>
          </div>
          <TableScroll label="Lost batches">
            <table>
              <thead>
                <tr>
                  <th>Acknowledged</th>
                  <th>Sale</th>
                  <th class="number">Claims</th>
                  <th class="number">Changes</th>
                  <th class="number">Position</th>
                  <th>User</th>
                  <th>Found</th>
                </tr>
              </thead>
              <tbody>
                {value.batches.map((batch) => (
                  <tr key={batch.batch_id}>
                    <td>
                      <Moment at={batch.acknowledged_at} />
                    </td>
                    <td class="wide">
                      <SaleLink name={batch.coupon_name} />
                    </td>
                    <td class="number">{formatCount(batch.claims)}</td>
                    <td class="number">{formatCount(batch.changes)}</td>
                    <td class="number">{formatCount(batch.position)}</td>
                    <td class="wide">
                      <UserLink userId={batch.user_id} />
                    </td>
                    <td>
                      <Moment at={batch.found_at} />
                      <small class="below">
                        by <Text of={batch.found_by} />
                      </small>
                    </td>
                  </tr>
                ))}
              </tbody>
            </table>
          </TableScroll>
        </>
      )}
    </section>
  );
}
