import Table from 'cli-table3'
import type { IngressWish } from '../arguments.ts'
import { type Answer, createGun, loadOf, type Shot } from '../parts/load.ts'
import { madeUpCallbacks } from './made-up-callbacks.ts'
import { demandOwnHost } from './own-host.ts'

const REST_MS = 100 // of a connection that was refused: a server that is away is not hammered

/**
 * Sends callbacks to the user's own ingress for a while, and shows how it answered.
 *
 * @throws when the host is somebody else's, or nobody answers there
 */
export const loadIngress = async (wish: IngressWish): Promise<void> => {
  const { url, connections, seconds, perSecond, isMine } = wish
  if (!isMine) await demandOwnHost(url)
  const run = `bench-${Date.now().toString(36)}`
  console.error(warning(run))
  const { first, callbacks } = madeUpCallbacks(run, wish.proof)
  const target = targetOf(wish)
  await demandAnswer(target, first)

  const answers: Answer[] = []
  const gun = createGun(target, connections, (answer) => void answers.push(answer), REST_MS)
  const startedAt = performance.now()
  const endsAt = startedAt + seconds * 1000
  if (perSecond === undefined) await gun.asFastAsTheyCan(callbacks({ until: endsAt }))
  else await gun.atRate(callbacks({ count: perSecond * seconds }), perSecond)
  const took = (performance.now() - startedAt) / 1000
  await gun.close()
  console.log(`${answers.length} callbacks over ${connections} connections in ${took.toFixed(1)} s to ${url.host}`)
  console.log(answersTable(answers, took))
}

const warning = (run: string): string =>
  `Each callback is real work: a job, and a separation that the provider «failed», with a manifest in the store and on the board.
No stem is downloaded, and the provider is asked nothing. Where NOTIFY_URL is set, your app is told of each.
Redis remembers 100,000 ended separations: of more, the oldest are forgotten. Task ids begin with ${run}- here; when all have
ended, this removes what they have left: find <store> -maxdepth 1 -name '${run}-*' -exec rm -r {} +`

const targetOf = ({ url, proof }: IngressWish): URL => {
  const target = new URL(url)
  if (target.pathname === '/') target.pathname = '/callbacks/separation'
  if (proof && 'token' in proof) target.pathname += `/${encodeURIComponent(proof.token)}`
  return target
}

const demandAnswer = async (target: URL, shot: Shot): Promise<void> => {
  const gun = createGun(target, 1, ({ outcome, text }) => {
    if (typeof outcome === 'string') throw new Error(`nobody answers at ${target.host}: ${text || outcome}`)
    if (outcome !== 200) console.error(`the first callback is answered ${outcome}: ${text}`)
  })
  try {
    await gun.asFastAsTheyCan([shot])
  } finally {
    await gun.close()
  }
}

const answersTable = (answers: Answer[], seconds: number): string => {
  const table = new Table({
    head: ['answer', 'how many', 'a second', 'median ms', '99 of 100 within', 'slowest'],
    colAligns: ['left', 'right', 'right', 'right', 'right', 'right'],
    style: { head: [], border: [] },
  })
  const byOutcome = Map.groupBy(answers, ({ outcome }) => outcome)
  for (const [outcome, some] of [...byOutcome].toSorted(([, a], [, b]) => b.length - a.length)) {
    const load = loadOf(
      some.map(({ ms }) => ms),
      seconds,
    )
    const times = [load.p50, load.p99, load.max].map((ms) => ms.toFixed(1))
    table.push([`${outcome}`, some.length.toLocaleString('en'), load.perSecond.toFixed(1), ...times])
  }
  return table.toString()
}
