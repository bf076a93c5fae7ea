// SPDX-License-Identifier: GPL-3.0-or-later
/** The scenarios of alerts about the commits of the database and their durability. */
import type { Scenario, ScenarioContext } from './scenarios.ts';
import { until } from './until.ts';

/** The scenario of each alert about commits and durability. */
export const scenariosOfHealth: Record<string, Scenario> = {
  // There is no such standby, so every commit waits for it.
  FirstcomeCommitsStalled: (context) => withSetting(context, 'synchronous_standby_names', 'nobody'),

  FirstcomeDurabilityDropped: (context) => withSetting(context, 'synchronous_commit', 'off'),

  FirstcomeDurabilityTooLow: (context) => withSetting(context, 'synchronous_commit', 'off'),
};

/** Settings of the service whose limits the scenarios reach. */
export const settingsOfHealth = { DURABILITY_MIN: 'local' };

/** Changes a setting of the server until `over` aborts. */
async function withSetting(
  { query, over }: ScenarioContext,
  name: string,
  value: string,
): Promise<void> {
  await query(`alter system set ${name} = '${value}'`);
  await query('select pg_reload_conf()');
  await until(over);
  await query(`alter system reset ${name}`);
  await query('select pg_reload_conf()');
}
