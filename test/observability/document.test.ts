import { expect, test } from 'vitest'
import type { App } from '../support/app.ts'
import { startSystem } from '../support/system.ts'
import { waitFor } from '../support/wait-for.ts'
import { read } from './files.ts'

/** What the table says that an app shows: names, each with its labels. */
const documentedFor = (app: string): string[] =>
  read('docs/observability.md')
    .split('\n')
    .map((line) => /^\| `(stemkeeper_[^`]+)` \| ([^|]+) \|/.exec(line))
    .filter((row) => row?.[2]?.split(', ').includes(app))
    .map((row) => row?.[1] ?? '')
    .sort()

/** What an app shows, in the same words. `le` is there in every histogram. */
const shownBy = async (app: App): Promise<string[]> => {
  const text = await (await fetch(`${app.url}/metrics`)).text()
  const names = [...text.matchAll(/^# TYPE (stemkeeper_\w+) /gm)].map(([, name]) => name)
  return names
    .map((name) => {
      const [, labels = ''] = new RegExp(`^${name}\\{(.*)\\} `, 'm').exec(text) ?? []
      const labelNames = [...labels.matchAll(/(\w+)="/g)].map(([, label]) => label)
      return labelNames.length > 0 ? `${name}{${labelNames.join(',')}}` : `${name}`
    })
    .sort()
}

test('the table of metrics names all that ingress and worker show, with their labels, and nothing else', async () => {
  const { ingress, workers } = await startSystem({ worker: { RETAIN_STEMS_DAYS: '30' } })
  const [worker] = workers as [App]
  await waitFor('both reach Redis', async () =>
    (await Promise.all([ingress, worker].map(({ url }) => fetch(`${url}/readyz`)))).every(({ ok }) => ok),
  )
  expect(await shownBy(ingress)).toEqual(documentedFor('ingress'))
  expect(await shownBy(worker)).toEqual(documentedFor('worker'))
})
