// SPDX-License-Identifier: GPL-3.0-or-later
// Loaded before the service by a fault run: SIGUSR2 keeps the event loop busy for half a second.
const blockMs = 500;

process.on('SIGUSR2', () => {
  const endMs = performance.now() + blockMs;
  while (performance.now() < endMs);
});
