/** How many cases each property is tried on in one run of the tests. */
export const BUDGET = {
  'payload: documented, with faults': 10_000,
  'payload: any JSON': 6_000,
  'payload: lists of titles': 3_000,
  'stem names': 10_000,
  titles: 5_000,
  'merged separations': 5_000,
  manifests: 3_000,
  'public links': 10_000,
  'links in texts': 8_000,
  'links in log lines': 2_000,
  'job ids': 3_000,
  'sealed separations': 1_500,
  'sealed payloads': 2_500,
  'URLs of odd parts': 8_000,
  'IPv4 addresses': 8_000,
  'IPv6 addresses': 8_000,
  "the provider's answers": 5_000,
  'answers to orders': 4_000,
  'forged links': 4_000,
  'store: file names': 1_000,
  'store: manifests and notes': 500,
  'HTTP: payloads': 6_000,
  'HTTP: requests': 8_000,
  'HTTP: raw bytes': 6_000,
  'HTTP: driven to the end': 300,
} as const satisfies Record<string, number>

export type BudgetName = keyof typeof BUDGET

export const TOTAL = Object.values(BUDGET).reduce((sum, cases) => sum + cases, 0)

/** How often the whole budget is spent, each time with another seed: a longer run on demand. Less than 1 for a shorter one. */
export const FACTOR = Number(process.env.FUZZ_FACTOR ?? 1)

/** The same cases every time, unless FUZZ_SEED names another seed, or asks for any with `random`. */
export const SEED =
  process.env.FUZZ_SEED === 'random' ? Date.now() % 2 ** 30 : Number(process.env.FUZZ_SEED ?? 20_260_101)
