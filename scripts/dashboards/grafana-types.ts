// SPDX-License-Identifier: GPL-3.0-or-later
/** The types of a dashboard file, from Grafana's own types in the version that compose.yaml runs. */
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

/** A type as it is in a file: an enum is a string, and fields with a default may be missing. */
type InFile<T> = T extends string
  ? `${T}`
  : T extends (infer Item)[]
    ? InFile<Item>[]
    : T extends object
      ? { [Key in keyof T]?: InFile<T[Key]> }
      : T;

type Style<Kind extends string, Options, Custom = Record<never, never>> = {
  type: Kind;
  options: InFile<Options>;
  fieldConfig: InFile<Omit<FieldConfigSource, 'defaults'>> & {
    defaults: InFile<Omit<FieldConfigSource['defaults'], 'custom'>> & { custom?: InFile<Custom> };
  };
};

/** How a panel is drawn. */
export type PanelStyle =
  | Style<'timeseries', TimeSeriesOptions, GraphFieldConfig>
  | Style<'stat', StatOptions>
  | Style<'heatmap', HeatmapOptions>;

/** One panel, or the heading of a row. */
export type PanelInFile =
  | (InFile<Omit<Panel, 'type' | 'options' | 'fieldConfig'>> & PanelStyle)
  | (InFile<RowPanel> & { type: 'row' });

/** A dashboard file. */
export type DashboardInFile = InFile<Omit<Dashboard, 'panels'>> & { panels: PanelInFile[] };
