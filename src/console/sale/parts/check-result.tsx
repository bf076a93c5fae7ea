// SPDX-License-Identifier: GPL-3.0-or-later
import type { CheckedCoupon, CheckedRule } from '../../../client.ts';
import { formatCount, formatMilliseconds, showInvisible } from '../../ui/format.ts';
import { saveFile } from '../../ui/save-file.ts';
import { SectionLink } from '../../ui/section-link.tsx';
import { StateBadge } from '../../ui/state-badge.tsx';
import { Moment, Text } from '../../ui/text.tsx';
import { brokenRows, verdictOf } from './check-words.ts';

/** What a check has found: the verdict, each rule, and the whole as a file. */
export function CheckResult({ checked, tookMs }: { checked: CheckedCoupon; tookMs: number }) {
  const { tone, title, meaning } = verdictOf(checked);
  const { rules } = checked;
  const passed = rules.filter(({ result }) => result === 'passed');
  const save = () => {
    const json = new Blob([`${JSON.stringify(checked, null, 2)}\n`], { type: 'application/json' });
    saveFile(json, `check of ${checked.coupon_name} at ${checked.checked_at}.json`);
  };
  return (
    <>
      <p class="verdict">
        <span class={`badge ${tone}`}>{title}</span> {meaning}{' '}
        {tone === 'bad' && <SectionLink section="firstcomedifferences" label="What to do" />}
      </p>
      <p>
        Began <Moment at={checked.checked_at} />, took {formatMilliseconds(tookMs)}. Then{' '}
        {formatCount(checked.remaining_amount)} of {formatCount(checked.amount)} units remained.
      </p>
      <div>
        <button type="button" onClick={save}>
          Download the result as JSON
        </button>
      </div>
      <Rules rules={rules.filter(({ result }) => result === 'broken')} />
      <Rules rules={rules.filter(({ result }) => result === 'not_finished')} />
      {passed.length > 0 && (
        <details>
          <summary>{formatCount(passed.length)} rules passed</summary>
          <Rules rules={passed} />
        </details>
      )}
    </>
  );
}

function Rules({ rules }: { rules: CheckedRule[] }) {
  if (rules.length === 0) return null;
  return (
    <ul class="rules">
      {rules.map((rule) => (
        <Rule key={rule.name} rule={rule} />
      ))}
    </ul>
  );
}

function Rule({ rule: { name, sentence, result, rows, examples } }: { rule: CheckedRule }) {
  return (
    <li>
      <StateBadge state={result} />
      <div>
        <Text of={sentence} />{' '}
        <small class="identifier">
          <Text of={name} />
        </small>
        {result === 'broken' && (
          <details>
            <summary>{brokenRows(rows)} break it</summary>
            <pre class="payload">{showInvisible(JSON.stringify(examples ?? [], null, 1))}</pre>
          </details>
        )}
      </div>
    </li>
  );
}
