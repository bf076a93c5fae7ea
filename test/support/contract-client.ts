// SPDX-License-Identifier: GPL-3.0-or-later
/** An HTTP client that sends exactly what a test specifies, byte by byte if needed, and returns the whole answer. */
import http from 'node:http';
import net from 'node:net';

/** The answer of a service. */
export type Answer = {
  status: number;
  headers: http.IncomingHttpHeaders;
  text: string;
  /** The text parsed as JSON; throws if it is not JSON. */
  // biome-ignore lint/suspicious/noExplicitAny: the tests read answers of every shape.
  readonly json: any;
};

/** A request. A body that is a string or bytes is sent unchanged, any other as JSON. */
export type Call = {
  method: string;
  path: string;
  headers?: http.OutgoingHttpHeaders;
  body?: unknown;
};

type Headers = http.OutgoingHttpHeaders;

/** Calls one service over kept connections. Normalises neither paths nor headers. */
export type Client = {
  url: string;
  port: number;
  call(call: Call): Promise<Answer>;
  get(path: string, headers?: Headers): Promise<Answer>;
  post(path: string, body: unknown, headers?: Headers): Promise<Answer>;
  patch(path: string, body: unknown, headers?: Headers): Promise<Answer>;
  /** Claims one unit; `key` is the `Idempotency-Key`. */
  claim(user: string, coupon: string, key?: string): Promise<Answer>;
  /** Writes bytes to a new connection and returns everything that is received until it closes. */
  raw(bytes: string | Buffer): Promise<string>;
  close(): void;
};

/** A client of the service at `url` that adds `headers` to each request. */
export function clientOf(url: string, headers: Headers = {}): Client {
  const port = Number(new URL(url).port);
  const agent = new http.Agent({ keepAlive: true, maxSockets: 32 });
  const call = (one: Call) =>
    send({ ...one, headers: { ...headers, ...one.headers } }, { port, agent });
  return {
    url,
    port,
    call,
    get: (path, more = {}) => call({ method: 'GET', path, headers: more }),
    post: (path, body, more = {}) => call({ method: 'POST', path, body, headers: more }),
    patch: (path, body, more = {}) => call({ method: 'PATCH', path, body, headers: more }),
    claim: (user, coupon, key) =>
      call({
        method: 'POST',
        path: '/api/coupons/claim',
        body: { user_id: user, coupon_name: coupon },
        headers: key === undefined ? {} : { 'Idempotency-Key': key },
      }),
    raw: (bytes) => exchange(port, bytes),
    close: () => agent.destroy(),
  };
}

function send(call: Call, to: { port: number; agent: http.Agent }): Promise<Answer> {
  const body = toBytes(call.body);
  return new Promise((resolve, reject) => {
    const request = http.request({
      ...to,
      host: '127.0.0.1',
      method: call.method,
      path: call.path,
      headers: withoutUndefined({
        ...(body !== undefined && {
          'Content-Type': 'application/json',
          'Content-Length': body.length,
        }),
        ...call.headers,
      }),
    });
    request.on('error', reject);
    request.on('response', (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () => {
        const text = Buffer.concat(chunks).toString('utf8');
        resolve(toAnswer(response.statusCode ?? 0, response.headers, text));
      });
    });
    request.end(body);
  });
}

function withoutUndefined(headers: Headers): Headers {
  return Object.fromEntries(Object.entries(headers).filter(([, value]) => value !== undefined));
}

function toBytes(body: unknown): Buffer | undefined {
  if (body === undefined) return undefined;
  if (Buffer.isBuffer(body)) return body;
  return Buffer.from(typeof body === 'string' ? body : JSON.stringify(body));
}

function toAnswer(status: number, headers: http.IncomingHttpHeaders, text: string): Answer {
  return {
    status,
    headers,
    text,
    get json() {
      return JSON.parse(text);
    },
  };
}

function exchange(port: number, bytes: string | Buffer): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = net.connect({ port, host: '127.0.0.1' });
    const chunks: Buffer[] = [];
    socket.on('data', (chunk) => chunks.push(chunk));
    // If the service has not read all bytes, it resets the connection after its answer.
    socket.on('error', (error) => chunks.length === 0 && reject(error));
    socket.on('close', () => resolve(Buffer.concat(chunks).toString('utf8')));
    socket.write(bytes);
  });
}

/** Parses the only answer in the bytes of a closed connection. */
export function parseAnswer(bytes: string): Answer {
  const [head = '', ...rest] = bytes.split('\r\n\r\n');
  const [statusLine = '', ...lines] = head.split('\r\n');
  const headers = Object.fromEntries(
    lines.map((line) => {
      const [name = '', ...value] = line.split(':');
      return [name.toLowerCase(), value.join(':').trim()];
    }),
  );
  return toAnswer(Number(statusLine.split(' ')[1]), headers, rest.join('\r\n\r\n'));
}
