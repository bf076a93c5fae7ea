// SPDX-License-Identifier: GPL-3.0-or-later
import { expect, it } from 'vitest';
import { loadConfig } from '../config.ts';
import { currentKeys } from './api-keys.ts';
import { workerEnvironment } from './workers.ts';

const environmentOf = (env: NodeJS.ProcessEnv) => {
  const config = loadConfig(env);
  const keys = currentKeys(config).now();
  return workerEnvironment(config, { url: 'postgres://database/one', port: 3000, keys });
};

it('a worker gets the URLs that its primary has read, and reads no file for them', () => {
  const given = { REDIS_URL: 'redis://:secret@redis:6379', AMQP_URL: 'amqp://me:secret@rabbitmq' };
  expect(environmentOf(given)).toMatchObject({
    DATABASE_URL: 'postgres://database/one',
    DATABASE_URL_FILE: '',
    REDIS_URL: 'redis://:secret@redis:6379',
    REDIS_URL_FILE: '',
    AMQP_URL: 'amqp://me:secret@rabbitmq',
    AMQP_URL_FILE: '',
  });
});

it('a worker gets no URL of Redis and of RabbitMQ when its primary has none', () => {
  const none = { REDIS_URL: '', REDIS_URL_FILE: '', AMQP_URL: '', AMQP_URL_FILE: '' };
  expect(environmentOf({})).toMatchObject(none);
});
