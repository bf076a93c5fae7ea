// SPDX-License-Identifier: GPL-3.0-or-later
import { Link } from '../routing/link.tsx';
import type { Query } from '../routing/route.ts';
import './ui.css';

/** Links that choose one of some values in the address of the page. An empty value is the default. */
export function FilterLinks({
  label,
  view,
  query = {},
  name,
  chosen,
  options,
}: {
  label: string;
  view: string;
  query?: Query;
  name: string;
  chosen: string | null;
  options: readonly (readonly [value: string, label: string])[];
}) {
  return (
    <nav class="filter-links" aria-label={label}>
      {options.map(([value, text]) => (
        <Link
          {...{ key: value, view, query: { ...query, [name]: value } }}
          aria-current={(chosen ?? '') === value ? 'page' : undefined}
        >
          {text}
        </Link>
      ))}
    </nav>
  );
}
