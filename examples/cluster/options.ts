// SPDX-License-Identifier: GPL-3.0-or-later
/** The command line of `npm run cluster`. */
import { Command, InvalidArgumentError } from 'commander';

/** How many nodes run, and on which port the balancer listens; 0: a free one. */
export type ClusterOptions = { nodes: number; port: number };

/** Reads the arguments. Ends the process after `--help`, and with exit code 2 after a mistake. */
export function readClusterOptions(args: string[]): ClusterOptions {
  const command = new Command('npm run cluster --')
    .description(
      'Starts PostgreSQL, Redis, nodes of the service and a balancer in front of them on this ' +
        'machine, and prints what to try. Ctrl-C ends all and removes the database. Settings in ' +
        'the environment apply to each node. Needs haproxy and redis-server.',
    )
    .helpOption('-h, --help', 'show this help')
    .option('--nodes <count>', 'nodes of the service, 1 to 9', between(1, 9), 3)
    .option('--port <port>', 'port of the balancer, 0 for a free one', between(0, 65_535), 8081)
    .configureOutput({ getOutHelpWidth: () => 80, getErrHelpWidth: () => 80 })
    .showHelpAfterError('Help: npm run cluster -- --help')
    .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : 2));
  return command.parse(args, { from: 'user' }).opts<ClusterOptions>();
}

function between(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (/^\d+$/.test(text) && value >= min && value <= max) return value;
    throw new InvalidArgumentError(`It must be a whole number from ${min} to ${max}.`);
  };
}
