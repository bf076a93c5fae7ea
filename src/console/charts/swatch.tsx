// SPDX-License-Identifier: GPL-3.0-or-later
import { useEffect, useRef } from 'preact/hooks';
import { colourOf, type Fill, fillOf, onSchemeChange } from './palette.ts';

const [widthPx, heightPx] = [18, 12];

/** The sample in a legend: an area, or a line where `dash` is given. */
export function Swatch({ fill, dash }: { fill: Fill; dash?: number[] | undefined }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const { colour, pattern } = fill;
  const dashes = dash?.join(' ');
  useEffect(() => {
    const draw = () => {
      const element = canvas.current;
      const context = element?.getContext('2d');
      if (element == null || context == null) return;
      const scale = devicePixelRatio;
      element.width = widthPx * scale;
      element.height = heightPx * scale;
      // Inside the chart, so that its own properties count.
      const within = element.parentElement ?? document.body;
      if (dashes === undefined) {
        context.fillStyle = fillOf({ colour, pattern }, within, scale);
        context.fillRect(0, 0, element.width, element.height);
        return;
      }
      context.scale(scale, scale);
      context.strokeStyle = colourOf(colour, within);
      context.lineWidth = 2;
      context.setLineDash(dashes === '' ? [] : dashes.split(' ').map(Number));
      context.beginPath();
      context.moveTo(0, heightPx / 2);
      context.lineTo(widthPx, heightPx / 2);
      context.stroke();
    };
    draw();
    return onSchemeChange(draw);
  }, [colour, pattern, dashes]);
  return <canvas ref={canvas} class="swatch" />;
}
