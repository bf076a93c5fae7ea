// SPDX-License-Identifier: GPL-3.0-or-later
/** A collector of traces: takes OTLP over HTTP as JSON and keeps every span. */
import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A span as it arrived, its attributes as plain values and its times in milliseconds. */
export type ReceivedSpan = {
  name: string;
  kind: number;
  traceId: string;
  spanId: string;
  parentSpanId: string | undefined;
  startMs: number;
  endMs: number;
  failed: boolean;
  attributes: Record<string, unknown>;
  resource: Record<string, unknown>;
  links: { traceId: string; spanId: string }[];
};

/** The kinds of spans, as OTLP numbers them. */
export const spanKinds = { internal: 1, server: 2, client: 3 };

type Pairs = { key: string; value: Record<string, unknown> }[];
type Body = {
  resourceSpans: {
    resource: { attributes: Pairs };
    scopeSpans: {
      spans: {
        name: string;
        kind: number;
        traceId: string;
        spanId: string;
        parentSpanId?: string;
        startTimeUnixNano: string;
        endTimeUnixNano: string;
        status: { code?: number };
        attributes: Pairs;
        links?: { traceId: string; spanId: string }[];
      }[];
    }[];
  }[];
};

/** Listens on a free port of this machine. */
export class OtlpReceiver {
  readonly spans: ReceivedSpan[] = [];
  /** All bodies, for what must not be in them. */
  text = '';
  /** The headers of the last request. */
  headers: IncomingHttpHeaders = {};
  /** No request is answered before this is. */
  held: Promise<void> = Promise.resolve();
  private readonly server = createServer((request, response) => {
    let text = '';
    request.setEncoding('utf8').on('data', (piece: string) => {
      text += piece;
    });
    request.on('end', async () => {
      this.headers = request.headers;
      if (request.url === '/v1/traces') this.take(text);
      await this.held;
      response.setHeader('Content-Type', 'application/json').end('{}');
    });
  });

  static async start(): Promise<OtlpReceiver> {
    const receiver = new OtlpReceiver();
    receiver.server.listen(0, '127.0.0.1');
    await once(receiver.server, 'listening');
    return receiver;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  named(name: string): ReceivedSpan[] {
    return this.spans.filter((span) => span.name === name);
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    this.server.close();
    await once(this.server, 'close');
  }

  private take(text: string): void {
    this.text += text;
    for (const { resource, scopeSpans } of (JSON.parse(text) as Body).resourceSpans) {
      for (const span of scopeSpans.flatMap(({ spans }) => spans)) {
        this.spans.push({
          ...{ name: span.name, kind: span.kind, traceId: span.traceId, spanId: span.spanId },
          parentSpanId: span.parentSpanId || undefined,
          startMs: Number(span.startTimeUnixNano) / 1e6,
          endMs: Number(span.endTimeUnixNano) / 1e6,
          failed: span.status.code === 2,
          attributes: toValues(span.attributes),
          resource: toValues(resource.attributes),
          links: span.links ?? [],
        });
      }
    }
  }
}

function toValues(pairs: Pairs): Record<string, unknown> {
  return Object.fromEntries(pairs.map(({ key, value }) => [key, Object.values(value)[0]]));
}
