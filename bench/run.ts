import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { p3 } from './measures/download.ts'
import { p5 } from './measures/flow.ts'
import { p1, p2 } from './measures/ingress.ts'
import { p7 } from './measures/memory.ts'
import { p6 } from './measures/one-separation.ts'
import { compare } from './parts/finding.ts'
import type { Measure } from './parts/measure.ts'

const MEASURES: Record<string, Measure> = { P1: p1, P2: p2, P3: p3, P5: p5, P6: p6, P7: p7 }
const names = process.argv.slice(2)
for (const name of names.length ? names : Object.keys(MEASURES)) {
  const folder = await mkdtemp(join(process.env.BENCH_DIR ?? tmpdir(), 'stemkeeper-bench-'))
  const findings = await (MEASURES[name] as Measure)({
    folder,
    rounds: Number(process.env.BENCH_ROUNDS ?? 5),
    scale: Number(process.env.BENCH_SCALE ?? 1),
  })
  for (const f of findings)
    console.log(
      f.id,
      f.what,
      f.unit,
      'ours',
      f.ours.map((n) => n.toFixed(1)).join(' '),
      'theirs',
      f.theirs.map((n) => n.toFixed(1)).join(' '),
      compare(f),
    )
  await rm(folder, { recursive: true, force: true })
}
