// SPDX-License-Identifier: GPL-3.0-or-later
import { shownAmqpUrl, whyNoAmqpUrl } from '../amqp-url.ts';
import { choice, flag, secret, wholeNumber } from '../kinds.ts';
import type { SettingGroup } from '../setting-tree.ts';

/** The settings of the queue of claims. */
export const queueGroup = {
  heading: 'Queue',
  introduction:
    'Claims that wait in RabbitMQ until PostgreSQL decides them: see [levelling.md](levelling.md). A claim in the queue is a ticket, and no claim is acknowledged before it is decided.',
  settings: {
    queue: {
      url: secret({
        variable: 'AMQP_URL',
        isValid: (text) => whyNoAmqpUrl(text) === undefined,
        explain: whyNoAmqpUrl,
        show: shownAmqpUrl,
        allowed: 'amqp:// or amqps://, with user, password and virtual host if needed',
        help: 'RabbitMQ. Set, the service serves tickets and decides queued claims. Unset: nothing of it is loaded.',
      }),
      claimMode: choice({
        variable: 'CLAIM_MODE',
        default: 'direct',
        choices: ['direct', 'queued'],
        help: 'Where new claims go: to PostgreSQL at once, or into the queue. "queued" needs AMQP_URL.',
      }),
      isConsumed: flag({
        variable: 'CONSUME_CLAIMS',
        default: true,
        help: 'Whether serving processes decide queued claims. If false, only "firstcome consume" does.',
      }),
      ticketExpiresSeconds: wholeNumber({
        variable: 'TICKET_EXPIRES_SECONDS',
        default: 300,
        min: 1,
        max: 3_600,
        help: 'Seconds after its acceptance in which a queued claim may be decided; then its ticket has expired.',
      }),
      ticketRetentionHours: wholeNumber({
        variable: 'TICKET_RETENTION_HOURS',
        default: 24,
        min: 2,
        max: 720,
        help: 'Hours after its acceptance in which the final state of a ticket can be read.',
      }),
      attemptsMax: wholeNumber({
        variable: 'CLAIM_ATTEMPTS_MAX',
        default: 5,
        min: 1,
        max: 20,
        help: 'How often a queued claim is tried before it becomes a dead letter. An outage of PostgreSQL does not count.',
      }),
      messagesMax: wholeNumber({
        variable: 'CLAIM_QUEUE_MESSAGES_MAX',
        default: 500_000,
        min: 1,
        max: 100_000_000,
        help: 'Messages that wait in each of the 4 queues; further claims get "overloaded". A message holds the claims that a process has accepted at once, 1 to 100 of one queue: about 200 bytes each. An argument of the queues: see AMQP_QUEUE_VERSION.',
      }),
      version: wholeNumber({
        variable: 'AMQP_QUEUE_VERSION',
        default: 1,
        min: 1,
        max: 1_000,
        help: 'A number in the names of the queues. Raise it to change an argument: older queues are still emptied.',
      }),
    },
  },
} satisfies SettingGroup;
