import { p10 } from './measures/backlog.ts'
import { p11 } from './measures/cold-start.ts'
import { p1, p2 } from './measures/ingress.ts'
import { p8 } from './measures/scaling.ts'
import type { Measure } from './parts/measure.ts'

/** Each measurement, with the targets that its findings are about. */
export const MEASURES: { ids: string[]; measure: Measure }[] = [
  { ids: ['P1'], measure: p1 },
  { ids: ['P2'], measure: p2 },
  { ids: ['P8'], measure: p8 },
  { ids: ['P10'], measure: p10 },
  { ids: ['P11'], measure: p11 },
]

export const IDS = MEASURES.flatMap(({ ids }) => ids)
