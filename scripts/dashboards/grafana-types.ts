// SPDX-License-Identifier: GPL-3.0-or-later
/** What Grafana takes, by its own types, in the version that compose.yaml runs. */
import type {
  Dashboard,
  FieldConfigSource,
  GraphFieldConfig,
  Panel,
  RowPanel,
} from '@grafana/schema';
import type { Options as HeatmapOptions } from '@grafana/schema/dist/types/raw/composable/heatmap/panelcfg/x/HeatmapPanelCfg_types.gen.d.ts';
import type { Options as StatOptions } from '@grafana/schema/dist/types/raw/composable/stat/panelcfg/x/StatPanelCfg_types.gen.d.ts';
import type { Options as TimeSeriesOptions } from '@grafana/schema/dist/types/raw/composable/timeseries/panelcfg/x/TimeSeriesPanelCfg_types.gen.d.ts';

/** A type as it stands in a file: an enum is its text, and what Grafana fills in may be left out. */
type InFile<T> = T extends string
  ? `${T}`
  : T extends (infer Item)[]
    ? InFile<Item>[]
    : T extends object
      ? { [Key in keyof T]?: InFile<T[Key]> }
      : T;

type Looks<Kind extends string, Options, Custom = Record<never, never>> = {
  type: Kind;
  options: InFile<Options>;
  fieldConfig: InFile<Omit<FieldConfigSource, 'defaults'>> & {
    defaults: InFile<Omit<FieldConfigSource['defaults'], 'custom'>> & { custom?: InFile<Custom> };
  };
};

/** How a panel is drawn. */
export type PanelLooks =
  | Looks<'timeseries', TimeSeriesOptions, GraphFieldConfig>
  | Looks<'stat', StatOptions>
  | Looks<'heatmap', HeatmapOptions>;

/** One panel, or the headline of a row of them. */
export type PanelInFile =
  | (InFile<Omit<Panel, 'type' | 'options' | 'fieldConfig'>> & PanelLooks)
  | (InFile<RowPanel> & { type: 'row' });

/** A dashboard as Grafana loads it. */
export type DashboardInFile = InFile<Omit<Dashboard, 'panels'>> & { panels: PanelInFile[] };
