// SPDX-License-Identifier: GPL-3.0-or-later
import type { Duplex } from 'node:stream';
import { type ChannelModel, connect } from 'amqplib';
import { backoffMs } from '../../core/backoff.ts';
import type { Clock } from '../../core/clock.ts';
import { messageOf } from '../../core/error-message.ts';
import { reasonOfFailure } from './connection-failure.ts';
import { settledWithin } from './settled-within.ts';

/** Where RabbitMQ is. */
export type RabbitMqTarget = {
  host: string;
  port: number;
  username: string;
  password: string;
  virtualHost: string;
  tls: boolean;
};

/** What a link needs. */
export type BrokerLinkOptions = {
  target: RabbitMqTarget;
  /** How the management of RabbitMQ shows the connection. */
  name: string;
  clock: Clock;
  /** Prepares each new connection: channels, queues and consumers. All those of the connection before are lost. */
  setup(connection: ChannelModel): Promise<void>;
  onUp(): void;
  /** Called for each lost connection and each failed attempt. */
  onDown(reason: string): void;
};

// A connection whose server is silent is closed after two to three times this.
const heartbeatSeconds = 10;
const connectMsMax = 5_000;
const setupMsMax = 30_000;
const closeMsMax = 2_000;
const stoppedReason = 'the process stops';
const [pauseMsMin, pauseMsMax] = [50, 2_000];

/**
 * A connection that comes back by itself, each time after a pause that grows. The recovery of the library is not used: it
 * misses a connection that is lost at the end of its `setup`, and sets no limit of time to that.
 */
export class BrokerLink {
  private readonly options: BrokerLinkOptions;
  private readonly stopping = new AbortController();
  private connection: ChannelModel | undefined;
  private resetReason: string | undefined;
  private pauseMs = 0;
  private isUp = false;
  private running: Promise<void> | undefined;

  constructor(options: BrokerLinkOptions) {
    this.options = options;
  }

  /** Connects. Does not wait for that. */
  start(): void {
    this.running = this.run();
  }

  /** Ends the connection, if there is one. A new one takes its place after `pauseMs`. */
  reset(reason: string, pauseMs = 0): void {
    if (this.connection === undefined) return;
    this.resetReason ??= reason;
    this.pauseMs = Math.max(this.pauseMs, pauseMs);
    cut(this.connection, reason);
  }

  /** Closes the connection for good: what was sent before arrives, unless the server is silent. An attempt ends by itself. */
  async close(): Promise<void> {
    this.stopping.abort();
    const { connection } = this;
    if (connection !== undefined) {
      await settledWithin(connection.close(), closeMsMax, this.options.clock);
      cut(connection, stoppedReason);
      await this.running;
    }
  }

  private async run(): Promise<void> {
    const { clock, onDown } = this.options;
    const { signal } = this.stopping;
    for (let failures = 1; !signal.aborted; failures += 1) {
      const reason = await this.connectOnce();
      if (this.isUp) failures = 1;
      this.isUp = false;
      if (signal.aborted) return;
      onDown(reason);
      const backoff = backoffMs(failures, pauseMsMin, pauseMsMax, Math.random);
      await clock.sleep(Math.max(backoff, this.pauseMs), signal);
      this.pauseMs = 0;
    }
  }

  /** One connection. Resolves when it has ended, with the reason. */
  private async connectOnce(): Promise<string> {
    let connection: ChannelModel;
    try {
      connection = await openConnection(this.options.target, this.options.name);
    } catch (error) {
      return reasonOfFailure(error, this.options.target.tls);
    }
    this.connection = connection;
    this.resetReason = undefined;
    const ended = endOf(connection);
    // The process stopped during the attempt.
    if (this.stopping.signal.aborted) cut(connection, stoppedReason);
    const failure = await Promise.race([this.prepare(connection), ended]);
    if (failure === undefined) {
      this.isUp = true;
      this.options.onUp();
    } else {
      cut(connection, failure);
    }
    const reason = failure ?? (await ended);
    this.connection = undefined;
    return this.resetReason ?? reason;
  }

  /** Resolves with the reason of a failure. */
  private async prepare(connection: ChannelModel): Promise<string | undefined> {
    const { clock, setup } = this.options;
    const stopWaiting = new AbortController();
    const late = clock
      .sleep(setupMsMax, stopWaiting.signal)
      .then(() => 'RabbitMQ has not answered in time');
    const prepared = setup(connection).then(
      () => undefined,
      (error: unknown) => messageOf(error),
    );
    const failure = await Promise.race([prepared, late]);
    stopWaiting.abort();
    return failure;
  }
}

/** Ends a connection at once. Without an error the library would wait for the next heartbeat. */
function cut(connection: ChannelModel, reason: string): void {
  socketOf(connection).destroy(new Error(reason));
}

/** Opens a connection. Rejects where it is not open in time. */
export function openConnection(target: RabbitMqTarget, name: string): Promise<ChannelModel> {
  return connect(
    {
      ...{ protocol: target.tls ? 'amqps' : 'amqp', hostname: target.host, port: target.port },
      ...{ username: target.username, password: target.password, heartbeat: heartbeatSeconds },
      // The library decodes it.
      vhost: encodeURIComponent(target.virtualHost),
    },
    {
      ...{ timeout: connectMsMax, noDelay: true, keepAlive: true },
      clientProperties: { connection_name: name },
    },
  );
}

/** The stream that carries a connection; the types of the library do not show it. */
export function socketOf(connection: ChannelModel): Duplex {
  return (connection.connection as unknown as { stream: Duplex }).stream;
}

/** Resolves with the reason when a connection has ended. */
function endOf(connection: ChannelModel): Promise<string> {
  return new Promise((resolve) => {
    let reason: string | undefined;
    connection.on('error', (error) => {
      reason ??= messageOf(error);
    });
    connection.on('close', (error) => {
      resolve(reason ?? (error === undefined ? 'the connection was closed' : messageOf(error)));
    });
    // It may have ended before there was a listener.
    if (socketOf(connection).writableEnded) resolve('the connection was closed at once');
  });
}
