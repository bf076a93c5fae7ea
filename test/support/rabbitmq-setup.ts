// SPDX-License-Identifier: GPL-3.0-or-later
import type { TestProject } from 'vitest/node';
import { hasRabbitMq, type RabbitMqPlace, startRabbitMq } from './rabbitmq-server.ts';

declare module 'vitest' {
  export interface ProvidedContext {
    /** The server that the tests of a project share; undefined: this machine cannot start one. */
    rabbitMq: RabbitMqPlace | undefined;
  }
}

/** Runs a RabbitMQ for a project, since a start is slow. Tests find it with `sharedRabbitMq`. */
export default async function setup(
  project: TestProject,
): Promise<(() => Promise<void>) | undefined> {
  if (!(await hasRabbitMq())) {
    project.provide('rabbitMq', undefined);
    return undefined;
  }
  const server = await startRabbitMq();
  project.provide('rabbitMq', server.place);
  return () => server.remove();
}
