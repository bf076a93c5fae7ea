// SPDX-License-Identifier: GPL-3.0-or-later
import type { TestProject } from 'vitest/node';
import { startRabbitMq } from './rabbitmq-server.ts';

declare module 'vitest' {
  export interface ProvidedContext {
    /** The `AMQP_URL` of the services of a contract test, whose claims are queued; undefined: they run without a queue. */
    amqpUrl: string | undefined;
  }
}

/** Runs a RabbitMQ for a project of contract tests. The services have different installations, and so different queues. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const rabbitMq = await startRabbitMq();
  project.provide('amqpUrl', await rabbitMq.createVirtualHost());
  return () => rabbitMq.remove();
}
