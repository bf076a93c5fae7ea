// SPDX-License-Identifier: GPL-3.0-or-later
/** Real HTTP clients that send large bodies, each in its own way, and report the answers that they received. */
import { spawn, spawnSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** What a client sends. */
export type Upload = {
  /** The full URL, sent unchanged. */
  url: string;
  method: string;
  bytes: number;
  headers?: Record<string, string>;
  /** For the client that writes bytes: everything before the body. */
  head?: string;
};

/**
 * Sends each upload `count` times, each time on a new connection. Returns for each upload how often each answer came,
 * such as `413 application/problem+json body_too_large`.
 */
export type UploadClient = (uploads: Upload[], count: number) => Promise<Record<string, number>[]>;

/** The clients, by program and by the way they send. */
export const uploadClients: Record<string, UploadClient> = {
  'fetch with a buffer': sendWithNode('fetch with a buffer'),
  'fetch with a stream': sendWithNode('fetch with a stream'),
  'node:http with a length': sendWithNode('node:http with a length'),
  'node:http with chunks': sendWithNode('node:http with chunks'),
  'curl with Expect': sendWithCurl('Expect: 100-continue'),
  'curl without Expect': sendWithCurl('Expect:'),
  'curl with chunks': sendWithCurl('Expect:', 'Transfer-Encoding: chunked'),
  'Python with a length': sendWithPython({}),
  'Python with chunks': sendWithPython({ 'Transfer-Encoding': 'chunked' }),
};

/** Writes any head, and a body after it. */
export const sendBytes: UploadClient = sendWithNode('bytes on a socket');

/** Why this client cannot run on this machine; undefined if it can. */
export function missingProgramOf(client: string): string | undefined {
  const program = { curl: 'curl', Python: 'python3' }[client.split(' ')[0] ?? ''];
  if (program === undefined || spawnSync(program, ['--version']).status === 0) return undefined;
  return `${program} is not installed`;
}

function sendWithNode(client: string): UploadClient {
  const script = join(import.meta.dirname, 'upload-with-node.mjs');
  return async (uploads, count) => {
    const input = JSON.stringify([client, uploads, count]);
    return talliesOf(await outputOf(process.execPath, [script, input]), count);
  };
}

function sendWithCurl(...framing: string[]): UploadClient {
  return async (uploads, count) => {
    const folder = await mkdtemp(join(tmpdir(), 'firstcome-upload-'));
    try {
      const lines: string[] = [];
      for (const upload of uploads) {
        const file = join(folder, 'body');
        await writeFile(file, Buffer.alloc(upload.bytes, 'x'));
        lines.push(...(await runCurl(upload, { framing, file, count })));
      }
      return talliesOf(lines.join('\n'), count);
    } finally {
      await rm(folder, { recursive: true });
    }
  };
}

async function runCurl(
  { url, method, headers = {} }: Upload,
  { framing, file, count }: { framing: string[]; file: string; count: number },
): Promise<string[]> {
  const given = Object.entries(headers).map(([name, value]) => `${name}: ${value}`);
  const output = await outputOf('curl', [
    ...['-s', '--path-as-is', '-X', method, '--data-binary', `@${file}`],
    ...[...framing, ...given].flatMap((header) => ['-H', header]),
    ...['-w', '\\n%{http_code} %{content_type};%{errormsg}\\n'],
    ...Array<string>(count).fill(url),
  ]);
  // Each answer is one line with its body and one line from `-w`.
  return [...output.matchAll(/(.*)\n(\d{3}) ([^;]*);(.*)\n/g)].map(
    ([, body = '', status, type, error]) =>
      `${status} ${type} ${/"code":"(\w+)"/.exec(body)?.[1] ?? error}`,
  );
}

// Sends many requests in one process: starting it takes longer than sending them.
const pythonScript = `
import http.client, json, sys, urllib.parse
uploads, framing, count = json.loads(sys.argv[1])
for upload in uploads:
    address = urllib.parse.urlsplit(upload['url'])
    size = upload['bytes']
    headers = upload.get('headers', {}) | framing
    for _ in range(count):
        try:
            connection = http.client.HTTPConnection(address.netloc, timeout=30)
            if 'Transfer-Encoding' in framing:
                body = (b'x' * min(65536, size - sent) for sent in range(0, size, 65536))
                connection.request(upload['method'], address.path, body, headers, encode_chunked=True)
            else:
                connection.request(upload['method'], address.path, b'x' * size, headers)
            answer = connection.getresponse()
            code = json.loads(answer.read()).get('code', 'no code')
            print(answer.status, answer.headers['content-type'].split(';')[0], code)
            connection.close()
        except Exception as error:
            print('no answer:', type(error).__name__)
`;

function sendWithPython(framing: Record<string, string>): UploadClient {
  return async (uploads, count) => {
    const input = JSON.stringify([uploads, framing, count]);
    return talliesOf(await outputOf('python3', ['-c', pythonScript, input]), count);
  };
}

/** Counts the lines of `output`, one for each answer and `count` for each upload. */
function talliesOf(output: string, count: number): Record<string, number>[] {
  const tallies: Record<string, number>[] = [];
  for (const [index, answer] of output.trim().split('\n').entries()) {
    const upload = Math.floor(index / count);
    tallies[upload] ??= {};
    tallies[upload][answer] = (tallies[upload][answer] ?? 0) + 1;
  }
  return tallies;
}

function outputOf(program: string, args: string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args);
    let output = '';
    child.on('error', reject);
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
    child.on('close', () => resolve(output));
    child.stdin.end();
  });
}
