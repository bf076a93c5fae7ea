// SPDX-License-Identifier: GPL-3.0-or-later
import type { ComponentChild } from 'preact';
import { Link } from '../routing/link.tsx';
import { DeadLetters } from './dead-letters/dead-letters.tsx';
import { OperatorLog } from './log/operator-log.tsx';
import { Nodes } from './nodes/nodes.tsx';
import './operations.css';
import { Sagas } from './sagas/sagas.tsx';
import { Webhooks } from './webhooks/webhooks.tsx';

const parts: Record<string, { label: string; show: (query: URLSearchParams) => ComponentChild }> = {
  webhooks: { label: 'Webhooks', show: (query) => <Webhooks query={query} /> },
  sagas: { label: 'Sagas', show: (query) => <Sagas query={query} /> },
  'dead-letters': { label: 'Dead letters', show: (query) => <DeadLetters query={query} /> },
  nodes: { label: 'Nodes', show: () => <Nodes /> },
  log: { label: 'Operator log', show: () => <OperatorLog /> },
};

/** What is not of one sale: webhooks, sagas, dead letters, nodes, and the operator log. */
export function Operations({ part, query }: { part: string; query: URLSearchParams }) {
  return (
    <div class="stack">
      <nav class="filter-links" aria-label="Operations">
        {Object.entries(parts).map(([name, { label }]) => (
          <Link
            key={name}
            view={`operations/${name}`}
            aria-current={name === part ? 'page' : undefined}
          >
            {label}
          </Link>
        ))}
      </nav>
      {parts[part]?.show(query) ?? <p>This page does not exist. Choose one of those above.</p>}
    </div>
  );
}
