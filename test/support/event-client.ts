// SPDX-License-Identifier: GPL-3.0-or-later
/** A client of event streams that keeps what it receives. */
import http from 'node:http';
import { waitFor } from './wait-for.ts';

/** An event `stock`. */
export type StockEvent = {
  id: string;
  remaining_amount: number;
  claimed: number;
  state: string;
  at: string;
};

/** An open stream. */
export class EventClient {
  readonly response: http.IncomingMessage;
  /** All that has arrived after the head. */
  received = '';
  /** Whether the connection is closed, by either side. */
  isClosed = false;

  private constructor(response: http.IncomingMessage) {
    this.response = response;
    response.setEncoding('utf8').on('data', (text: string) => {
      this.received += text;
    });
    response.on('error', () => undefined);
    response.on('close', () => {
      this.isClosed = true;
    });
  }

  /** Sends the request, and resolves when the head of its response has arrived. */
  static open(url: string, path: string, headers: http.OutgoingHttpHeaders = {}) {
    return new Promise<EventClient>((resolve, reject) => {
      http
        .get(new URL(path, url), { agent: false, headers })
        .on('response', (response) => resolve(new EventClient(response)))
        .on('error', reject);
    });
  }

  get status(): number {
    return this.response.statusCode ?? 0;
  }

  get events(): StockEvent[] {
    return this.messages.flatMap((lines) => {
      const field = (name: string) =>
        lines.find((line) => line.startsWith(`${name}: `))?.slice(name.length + 2);
      const data = field('data');
      return data === undefined ? [] : [{ id: field('id') ?? '', ...JSON.parse(data) }];
    });
  }

  /** The hints in milliseconds. */
  get retries(): number[] {
    return [...this.received.matchAll(/^retry: (\d+)$/gm)].map(([, ms]) => Number(ms));
  }

  get heartbeats(): number {
    return this.messages.filter((lines) => lines.length === 1 && lines[0] === ':').length;
  }

  get last(): StockEvent | undefined {
    return this.events.at(-1);
  }

  /** Waits for an event with these members. */
  until(members: Partial<StockEvent>): Promise<StockEvent> {
    return waitFor(`event ${JSON.stringify(members)}`, () => {
      const event = this.last;
      const isAsWanted = Object.entries(members).every(
        ([name, value]) => event?.[name as keyof StockEvent] === value,
      );
      return isAsWanted ? event : undefined;
    });
  }

  untilClosed(): Promise<unknown> {
    return waitFor('end of the stream', () => this.isClosed);
  }

  close(): void {
    this.response.destroy();
  }

  private get messages(): string[][] {
    const complete = this.received.split('\n\n').slice(0, -1);
    return complete.map((message) => message.split('\n'));
  }
}
