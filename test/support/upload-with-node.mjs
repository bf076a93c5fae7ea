// SPDX-License-Identifier: GPL-3.0-or-later
// Sends large bodies with fetch or node:http and prints one line for each answer. It runs in its own process: in the
// process of the service the two would take turns, and no body would still arrive when the answer is sent.
import http from 'node:http';
import net from 'node:net';

const [client, uploads, count] = JSON.parse(process.argv[2]);
const chunkBytes = 64 * 1024;

function* chunksOf({ bytes }) {
  for (let sent = 0; sent < bytes; sent += chunkBytes) {
    yield Buffer.alloc(Math.min(chunkBytes, bytes - sent), 'x');
  }
}

function sendWithHttp(upload, framing) {
  const { url, method } = upload;
  const headers = { ...upload.headers, ...framing };
  return new Promise((resolve, reject) => {
    const request = http.request(url, { method, agent: false, headers });
    request.on('error', reject);
    request.on('response', async (response) => {
      try {
        const text = (await response.toArray()).join('');
        resolve({ status: response.statusCode, type: response.headers['content-type'], text });
      } catch (error) {
        reject(error);
      }
    });
    for (const chunk of chunksOf(upload)) request.write(chunk);
    request.end();
  });
}

async function sendWithFetch({ url, method, headers }, body) {
  const answer = await fetch(url, { method, headers, body, duplex: 'half' });
  const type = answer.headers.get('content-type');
  return { status: answer.status, type, text: await answer.text() };
}

/** Writes the head unchanged, and the body after it. */
function sendOnSocket(upload) {
  return new Promise((resolve, reject) => {
    const socket = net.connect({ port: Number(new URL(upload.url).port), host: '127.0.0.1' });
    let text = '';
    socket.setEncoding('utf8').on('data', (chunk) => {
      text += chunk;
    });
    socket.on('error', reject);
    socket.on('close', () => {
      const [, status = 'no status'] = /^HTTP.1.1 (\d+)/.exec(text) ?? [];
      const [, type] = /^content-type: (.*)/im.exec(text) ?? [];
      resolve({ status, type, text });
    });
    socket.write(upload.head);
    for (const chunk of chunksOf(upload)) socket.write(chunk);
  });
}

const clients = {
  'bytes on a socket': sendOnSocket,
  'fetch with a buffer': (upload) => sendWithFetch(upload, Buffer.concat([...chunksOf(upload)])),
  'fetch with a stream': (upload) => sendWithFetch(upload, ReadableStream.from(chunksOf(upload))),
  'node:http with a length': (upload) => sendWithHttp(upload, { 'Content-Length': upload.bytes }),
  'node:http with chunks': (upload) => sendWithHttp(upload, { 'Transfer-Encoding': 'chunked' }),
};

async function answerTo(upload) {
  try {
    const { status, type, text } = await clients[client](upload);
    const code = /"code":"(\w+)"/.exec(text)?.[1] ?? 'no code';
    return `${status} ${type?.split(';')[0] ?? 'no type'} ${code}`;
  } catch (error) {
    return `no answer: ${error.cause?.code ?? error.code ?? error.message}`;
  }
}

for (const upload of uploads) {
  for (let index = 0; index < count; index += 1) {
    process.stdout.write(`${await answerTo(upload)}\n`);
  }
}
