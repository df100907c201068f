type Maybe = number | null | undefined;

const NONE = "–";

function scaled(value: number, steps: readonly (readonly [number, string])[]): string {
  const [size, unit] = steps.find(([step]) => Math.abs(value) >= step) ?? steps.at(-1) ?? [1, ""];
  const number = value / size;
  return `${number >= 1000 ? number.toFixed(0) : number.toPrecision(3)} ${unit}`.trim();
}

const TIMES = [
  [1, "s"],
  [1e-3, "ms"],
  [1e-6, "µs"],
  [1e-9, "ns"],
] as const;

export function duration(seconds: Maybe): string {
  return seconds === null || seconds === undefined ? NONE : scaled(seconds, TIMES);
}

/** The unit all of these times are best written in, for an axis. */
export function timeUnit(seconds: number): readonly [number, string] {
  return TIMES.find(([step]) => seconds >= step) ?? [1e-9, "ns"];
}

export function bytes(value: Maybe): string {
  if (value === null || value === undefined) return NONE;
  if (value < 1024) return `${value} B`;
  return scaled(value, [
    [2 ** 40, "TiB"],
    [2 ** 30, "GiB"],
    [2 ** 20, "MiB"],
    [2 ** 10, "KiB"],
  ]);
}

export function count(value: Maybe): string {
  if (value === null || value === undefined) return NONE;
  if (value < 1000) return Number.isInteger(value) ? String(value) : value.toPrecision(3);
  return scaled(value, [
    [1e12, "T"],
    [1e9, "G"],
    [1e6, "M"],
    [1e3, "k"],
  ]);
}

export function percent(share: number): string {
  const value = share * 100;
  return `${value >= 10 ? value.toFixed(0) : value.toPrecision(2)} %`;
}

export function scientific(value: Maybe): string {
  if (value === null || value === undefined) return NONE;
  if (value === 0) return "0";
  const size = Math.abs(value);
  return size >= 1e-3 && size < 1e4 ? value.toPrecision(4) : value.toExponential(2);
}
