// SPDX-License-Identifier: GPL-3.0-or-later
import { inject } from 'vitest';
import { RabbitMqServer } from './rabbitmq-server.ts';

/**
 * The server of the project `rabbitmq`, for `describe.skipIf(sharedRabbitMq() === undefined)`. Tests create virtual hosts at
 * it, and neither stop it nor raise alarms: those start a server of their own.
 */
export function sharedRabbitMq(): RabbitMqServer | undefined {
  const place = inject('rabbitMq');
  return place && new RabbitMqServer(place);
}
