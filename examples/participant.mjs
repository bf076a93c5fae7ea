// SPDX-License-Identifier: GPL-3.0-or-later
/**
 * What each service that takes part in a saga needs: it verifies the signature of a call, decides it once, stores the answer
 * before it sends it, and gives the same answer to the same key. It needs nothing but Node.
 */
import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import { open } from 'node:fs/promises';
import { createServer } from 'node:http';
import { dirname } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';

const bodyBytesMax = 65_536;
const clockToleranceSeconds = 300;

/** What can be made to go wrong. All but `delay_ms` and `seed` are shares of all calls, from 0 to 1. */
const knobsDefault = {
  ...{ delay_ms: 0, slow: 1, decline: 0, error: 0, lose_answer: 0, crash: 0, seed: 1 },
};

/**
 * Starts a participant on 127.0.0.1. Each of its `actions` has a function `decide`, which gets a call and returns
 * `{ amount }` of the `unit` to book, `{ declined }` with why nothing is booked, or `{ notYet }` with why the call must come
 * again. `apply` gets each booked entry once, also those that the journal has from earlier runs.
 */
export async function startParticipant({ name, port, secret, unit, actions, apply }) {
  const knobs = { ...knobsDefault };
  const mistake = turnKnobs(knobs, knobsOf(process.env));
  if (mistake) throw new Error(mistake);
  const { journal, lines } = await openJournal(process.env.JOURNAL || `${name}.journal`);
  const answers = new Map();
  const attempts = new Map();
  const entries = [];
  // Steps that were undone, also before they were run: a call that comes late must not run them.
  const undone = new Set();

  function learn({ key, status, answer, entry }) {
    answers.set(key, { status, answer });
    if (entry === undefined) return;
    entries.push(entry);
    if (actions[entry.action].undoes) undone.add(`${entry.saga_id}:${entry.step}`);
    apply(entry);
  }

  /** The answer to a key: the one that was given before, or a new one, which is on the disk then. */
  async function answerTo(key, action, call, isDeclined) {
    if (!answers.has(key)) {
      const { undoes, decide } = actions[action];
      const { saga_id, step, claim } = call;
      const isLate = !undoes && undone.has(`${saga_id}:${step}`);
      const decided = isLate
        ? { declined: 'undone' }
        : isDeclined
          ? { declined: 'no' }
          : decide(call);
      if (decided.notYet) return { status: 409, answer: { error: decided.notYet } };
      const line = decided.declined
        ? { key, status: 422, answer: { error: decided.declined } }
        : {
            ...{ key, status: 200, answer: { [unit]: decided.amount } },
            entry: {
              ...{ seq: entries.length + 1, action, saga_id, step, [unit]: decided.amount },
              ...{ claim_id: claim.claim_id, user_id: claim.user_id },
              ...{ coupon_name: claim.coupon_name, at: new Date().toISOString() },
            },
          };
      learn(line);
      journal.add(line);
    }
    await journal.stored();
    return answers.get(key);
  }

  async function takeCall(action, request, response) {
    const body = await bodyOf(request);
    if (!isSigned(request.headers, body, secret))
      return send(response, 401, { error: 'signature' });
    const key = request.headers['webhook-id'];
    const call = JSON.parse(body);
    const attempt = (attempts.get(key) ?? 0) + 1;
    attempts.set(key, attempt);
    // The same seed gives each user the same fate, in whatever order the calls come.
    const falls = (knob, share = knobs[knob]) => {
      if (share === 0 || share === 1) return share === 1;
      const lot = [knobs.seed, knob, call.claim.coupon_name, call.claim.user_id, action, attempt];
      const hash = createHash('sha256').update(lot.join(':')).digest();
      return hash.readUInt32BE() / 2 ** 32 < share;
    };
    const isSlow = knobs.delay_ms > 0 && falls('slow');
    // One half happens before the work, the other after it.
    const isBefore = falls('moment', 0.5);
    if (falls('error')) return send(response, 500, { error: 'error' });
    if (isBefore && isSlow) await wait(knobs.delay_ms);
    if (isBefore && falls('crash')) process.kill(process.pid, 'SIGKILL');
    const isDeclined = !actions[action].undoes && falls('decline');
    const { status, answer } = await answerTo(key, action, call, isDeclined);
    if (!isBefore && falls('crash')) process.kill(process.pid, 'SIGKILL');
    if (!isBefore && isSlow) await wait(knobs.delay_ms);
    // A part of the answer, so that it cannot be taken for a connection that had ended before.
    if (falls('lose_answer')) return request.socket.end('HTTP/1.1 ');
    return send(response, status, answer);
  }

  async function takeRequest(request, response) {
    const { pathname, searchParams } = new URL(request.url, 'http://localhost');
    const route = `${request.method} ${pathname}`;
    const action = route.replace('POST /', '');
    if (Object.hasOwn(actions, action)) return takeCall(action, request, response);
    if (route === 'GET /health') return send(response, 200, { status: 'ok' });
    if (route === 'GET /book') {
      await journal.stored();
      const after = Number(searchParams.get('after') ?? 0);
      return send(response, 200, { entries: entries.slice(after), totals: totals() });
    }
    if (route !== 'POST /knobs') return send(response, 404, { error: 'unknown path' });
    const mistake = turnKnobs(knobs, JSON.parse(await bodyOf(request)));
    return send(response, mistake ? 400 : 200, mistake ? { error: mistake } : knobs);
  }

  function totals() {
    const sums = Object.entries(actions).map(([action, { past }]) => {
      const amounts = entries.flatMap((entry) => (entry.action === action ? entry[unit] : []));
      const count = amounts.filter((amount) => amount > 0).length;
      return [past, { count, [unit]: amounts.reduce((sum, amount) => sum + amount, 0) }];
    });
    return Object.fromEntries(sums);
  }

  for (const line of lines) learn(line);
  const server = createServer((request, response) => {
    // Not 4xx, which would decline the call for good.
    takeRequest(request, response).catch((error) => send(response, 500, { error: error.message }));
  });
  const portHere = Number(process.env.PORT || port);
  server.once('error', (error) => {
    process.stderr.write(
      `${name} cannot listen on 127.0.0.1:${portHere} (${error.code}); set PORT\n`,
    );
    process.exit(1);
  });
  server.listen(portHere, '127.0.0.1', () => {
    process.stdout.write(`${name} listens on http://127.0.0.1:${server.address().port}\n`);
  });
  process.once('SIGTERM', () => process.exit(0)).once('SIGINT', () => process.exit(0));
}

/** Whether a call is signed as Standard Webhooks 1.0 defines it, and not long ago. */
function isSigned(headers, body, secret) {
  const {
    'webhook-id': id,
    'webhook-timestamp': sentAt,
    'webhook-signature': given = '',
  } = headers;
  const key = secret.startsWith('whsec_') ? Buffer.from(secret.slice(6), 'base64') : secret;
  const right = createHmac('sha256', key).update(`${id}.${sentAt}.${body}`).digest();
  const isRecent = Math.abs(Date.now() / 1_000 - Number(sentAt)) <= clockToleranceSeconds;
  return (
    isRecent &&
    given.split(' ').some((text) => {
      const [version, base64 = ''] = text.split(',');
      const bytes = Buffer.from(base64, 'base64');
      return version === 'v1' && bytes.length === right.length && timingSafeEqual(bytes, right);
    })
  );
}

/** Opens a file of JSON lines that only grows. A line that a crash has cut off was never answered, so it is removed. */
async function openJournal(path) {
  const file = await open(path, 'a+');
  const text = await file.readFile('utf8');
  const whole = text.slice(0, text.lastIndexOf('\n') + 1);
  await file.truncate(Buffer.byteLength(whole));
  const folder = await open(dirname(path));
  await Promise.all([file.sync(), folder.sync()]);
  await folder.close();
  const waiting = [];
  let last = Promise.resolve();
  const write = async () => {
    if (waiting.length === 0) return;
    await file.appendFile(waiting.splice(0).join(''));
    await file.datasync();
  };
  const journal = {
    /** Adds a line. All that wait for the disk are written together. */
    add(line) {
      waiting.push(`${JSON.stringify(line)}\n`);
      last = last.then(write);
      // What is in memory is not on the disk then, so nothing more may be answered.
      last.catch(() => process.exit(1));
    },
    /** Resolves when everything that was added is on the disk. */
    stored: () => last,
  };
  const lines = whole.split('\n').slice(0, -1);
  return { journal, lines: lines.map((line) => JSON.parse(line)) };
}

/** Changes knobs; returns the mistake in a change, and then changes none. */
function turnKnobs(knobs, changes) {
  for (const [name, value] of Object.entries(changes)) {
    const max = name === 'delay_ms' || name === 'seed' ? 2 ** 31 - 1 : 1;
    if (!(name in knobsDefault) || !(value >= 0 && value <= max)) return `${name} is ${value}`;
  }
  Object.assign(knobs, changes);
  return undefined;
}

/** The knobs that the environment sets, such as `DECLINE=0.2`. */
function knobsOf(env) {
  const given = Object.keys(knobsDefault).filter((name) => env[name.toUpperCase()]);
  return Object.fromEntries(given.map((name) => [name, Number(env[name.toUpperCase()])]));
}

async function bodyOf(request) {
  const chunks = [];
  let bytes = 0;
  for await (const chunk of request) {
    chunks.push(chunk);
    bytes += chunk.length;
    if (bytes > bodyBytesMax) throw new Error('the body is too large');
  }
  return Buffer.concat(chunks).toString();
}

function send(response, status, body) {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(`${JSON.stringify(body)}\n`);
}
