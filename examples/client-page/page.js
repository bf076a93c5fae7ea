// SPDX-License-Identifier: GPL-3.0-or-later
/** The page: claims straight from the browser, in the name of its user. It needs no build: the client is loaded as it is. */
import { FirstcomeClient } from '/client.js';

const { service, coupon } = await (await fetch('/settings.json')).json();

const client = new FirstcomeClient({
  url: service,
  // Called before each request. A real page would keep the token until shortly before it expires.
  key: async () => (await fetch('/token', { method: 'POST' })).text(),
});

const [title, button, result] = ['coupon', 'claim', 'result'].map((id) =>
  document.getElementById(id),
);
title.textContent = coupon;
button.disabled = false;

// Stored before the claim is sent: after a reload in the middle of it, the next click repeats this claim.
const storedAs = `claim of ${coupon}`;

button.addEventListener('click', async () => {
  button.disabled = true;
  result.textContent = 'One moment …';
  const idempotencyKey = localStorage.getItem(storedAs) ?? newKey();
  localStorage.setItem(storedAs, idempotencyKey);
  const claimed = await client.claim({ coupon_name: coupon }, { idempotencyKey });
  // The key of a claim stays with it. A refusal keeps nothing, so the next click is a new claim.
  if (!['claimed', 'accepted', 'unknown'].includes(claimed.outcome)) {
    localStorage.removeItem(storedAs);
  }
  result.textContent = textOf(claimed);
  button.disabled = claimed.outcome === 'claimed';
});

function textOf(claimed) {
  switch (claimed.outcome) {
    case 'claimed':
      return `It is yours: number ${claimed.claim.position}.`;
    case 'accepted':
      return 'You are in the queue.';
    case 'already_claimed':
      return `You have it already: number ${claimed.problem.claim.position}.`;
    case 'sold_out':
      return 'Sold out.';
    case 'unknown':
      return 'We do not know yet whether you have it. Please try again.';
    default:
      return `That did not work: ${claimed.problem.detail}.`;
  }
}

/** Not `randomUUID`, which is missing in pages that were loaded over plain HTTP. */
function newKey() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) =>
    byte.toString(16).padStart(2, '0'),
  ).join('');
}
