// The app's own icons: lines on a grid of 24, in the colour of the text around them. Each stands beside a word.

const PATHS = {
  inbox: "M4 13h4l1.5 3h5L16 13h4M4 13l2.5-8h11L20 13v6H4z",
  request: "M6 3h8l4 4v14H6zM14 3v4h4M12 11v6M9 14h6",
  history: "M4 12a8 8 0 1 0 2.5-5.8M4 4v4h4M12 8v4l3 2",
  people: "M9 11a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7M2.5 20c.5-4 3-6 6.500-6s6 2 6.500 6M16 4.500a3.500 3.500 0 0 1 0 6M18 14.500c2 .8 3.200 2.700 3.500 5.500",
  roster: "M5 4h14v16H5zM9 9h6M9 13h6M9 17h3",
  ledger: "M4 5h16v14H4zM4 10h16M10 10v9",
  verify: "M12 3l7 3v5c0 5-3 8-7 10-4-2-7-5-7-10V6zM9 12l2 2 4-4",
  settings: "M4 7h9M17 7h3M4 17h3M11 17h9M15 4.500v5M9 14.500v5",
  back: "M14 5l-7 7 7 7",
  seal: "M9 4h6v3a3 3 0 0 1-1.500 2.600V13H17a2 2 0 0 1 2 2v2H5v-2a2 2 0 0 1 2-2h3.500V9.600A3 3 0 0 1 9 7zM5 20h14",
  clock: "M12 4a8 8 0 1 0 0 16 8 8 0 0 0 0-16M12 8v4l3 2",
  file: "M6 3h8l4 4v14H6zM14 3v4h4",
  swap: "M4 8h13l-3-3M20 16H7l3 3",
} as const;

export type IconName = keyof typeof PATHS;

export function Icon({ name }: { name: IconName }) {
  return (
    <svg class="icon" viewBox="0 0 24 24" aria-hidden="true" focusable="false">
      <path d={PATHS[name]} />
    </svg>
  );
}
