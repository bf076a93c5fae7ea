// SPDX-License-Identifier: GPL-3.0-or-later
/** A fault of the database's clock. */
import type { FaultRow } from '../fault-row.ts';
import { changesClaims } from '../loads.ts';

const longStepSeconds = [60, 3600] as const;
// The clock reaches the time of the first step during the drill, and holds expire again.
const shortStepSeconds = [0.5, 1.5] as const;

/** Row 28: the clock of the database steps back during a sale with a window. */
export const clockStepsBack: FaultRow = {
  row: 28,
  name: 'clock of the database steps back',
  scenarios: ['mixed', 'holds', 'redeem'],
  faultSeconds: 4,
  isFelt: false,
  async inject(injection) {
    const { rig, chance, scenario } = injection;
    const { server, database } = rig;
    await server.query(steppingClockSql, { database });
    await injection.fault('clock steps back', async () => {
      for (let step = 0; step < 3; step += 1) {
        const [min, max] = changesClaims(scenario) ? shortStepSeconds : longStepSeconds;
        await server.query(`select faults.step_back(${chance.between(min, max)})`, { database });
        await injection.pause(chance.between(300, 1200));
      }
    });
  },
  async check({ rig, scenario }) {
    const broken: string[] = [];
    const { server, database } = rig;
    const stills = await server.query(stillSql, { database });
    if (stills.length === 0) broken.push('no decision was dated by the clock that steps');
    if (scenario !== 'holds') return broken;
    const expired = await server.query(`${expiredAfterSql} (${stillSql})`, { database });
    return expired.length > 0 ? broken : [...broken, 'no hold expired after the clock had stepped'];
  },
};

// After the first step the time of decisions does not advance: several of one coupon carry the same time.
const stillSql = `
  select recorded_at from stock_ledger where kind in ('claimed', 'mixed')
  group by coupon_id, recorded_at having count(*) > 2`;
const expiredAfterSql = `
  select from stock_ledger where 'E' = any(changes) and recorded_at > any`;

// PostgreSQL searches its own functions first unless the path names their schema. The deciding functions get such a path,
// since the service sets the path of its sessions.
const steppingClockSql = `
  create schema faults;
  create table faults.clock (behind interval not null);
  insert into faults.clock values (interval '0');
  create function faults.clock_timestamp() returns timestamptz language sql volatile as
    $$ select pg_catalog.clock_timestamp() - behind from faults.clock $$;
  create function faults.step_back(in_seconds numeric) returns void language sql as
    $$ update faults.clock set behind = behind + in_seconds * interval '1 second' $$;
  do $$
  declare
    decider regprocedure;
  begin
    for decider in select oid from pg_proc where pronamespace = 'firstcome'::regnamespace and prolang <> 14 loop
      execute format('alter function %s set search_path = firstcome, faults, pg_catalog', decider);
    end loop;
  end
  $$;
`;
