import { p10 } from './measures/backlog.ts'
import { p11 } from './measures/cold-start.ts'
import { p3 } from './measures/download.ts'
import { p5 } from './measures/flow.ts'
import { p1, p2 } from './measures/ingress.ts'
import { p7 } from './measures/memory.ts'
import { p6 } from './measures/one-separation.ts'
import { p8 } from './measures/scaling.ts'
import type { Measure } from './parts/measure.ts'

/** Each measurement, with the targets that its findings are about. */
export const MEASURES: { ids: string[]; measure: Measure }[] = [
  { ids: ['P1'], measure: p1 },
  { ids: ['P2'], measure: p2 },
  { ids: ['P3', 'P4'], measure: p3 },
  { ids: ['P5', 'P9'], measure: p5 },
  { ids: ['P6'], measure: p6 },
  { ids: ['P7'], measure: p7 },
  { ids: ['P8'], measure: p8 },
  { ids: ['P10'], measure: p10 },
  { ids: ['P11'], measure: p11 },
]

export const IDS = MEASURES.flatMap(({ ids }) => ids)
