// SPDX-License-Identifier: GPL-3.0-or-later
/** The RabbitMQ server of a run, in a temporary folder: the same that the tests start. */
import { isRabbitMqOnPath } from '../test/support/rabbitmq-program.ts';
import { startRabbitMq } from '../test/support/rabbitmq-server.ts';
import type { CleanUp } from './clean-up.ts';
import { cpuSecondsOf } from './proc.ts';

/** A running server. */
export type Broker = {
  version: string;
  /** Creates an empty virtual host, and returns its `AMQP_URL`. */
  createVirtualHost(): Promise<string>;
  /** CPU seconds so far; undefined when this machine cannot see them. */
  cpuSeconds(): number | undefined;
};

/** The message for a machine without RabbitMQ. */
export const rabbitMqMissing = [
  'rabbitmq-server is not installed. Install it and try again:',
  '  Debian, Ubuntu   apt-get install rabbitmq-server',
  '  macOS            brew install rabbitmq',
].join('\n');

/** Whether rabbitmq-server is installed. */
export const hasRabbitMq = isRabbitMqOnPath;

/** Starts a server, and waits until it accepts connections. `folder` is the parent of its data folder. */
export async function startBroker(folder: string | undefined, cleanUp: CleanUp): Promise<Broker> {
  const server = await startRabbitMq({ parent: folder });
  cleanUp.add(() => server.remove());
  const version = await server.control('eval', 'rabbit_misc:version().');
  return {
    version: version.trim().replaceAll('"', ''),
    createVirtualHost: () => server.createVirtualHost(),
    cpuSeconds: () => cpuSecondsOf(server.pid),
  };
}
