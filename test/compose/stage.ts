import { createHash } from 'node:crypto'
import { type Manifest, manifestSchema } from '@stems/domain/manifest'
import { mp3For } from '../stand-in/audio.ts'
import { waitFor } from '../support/wait-for.ts'
import type { ComposeProject } from './compose.ts'

/** Where the files are, for callbacks. */
export const FILES = 'http://far-side:8080'
const STEMS = '/app/data/stems'

/** The running system, as its user sees it. */
export type Stage = {
  project: ComposeProject
  token: string
  board: { url: string; username: string; password: string }
  /** Posts a callback, with the generated token unless told otherwise. */
  post: (body: unknown, path?: string) => Promise<{ status: number; body: { status?: unknown } }>
  /** Waits for the manifest of a task. */
  finished: (taskId: string, withinMs?: number) => Promise<Manifest>
  /** The sha256 of every file of a separation, as the board's container sees them. */
  savedFiles: (taskId: string) => Promise<Record<string, string>>
  /** How often the far side was asked for each link. */
  hits: (links: string[]) => Promise<number[]>
}

export const createStage = async (project: ComposeProject): Promise<Stage> => {
  const { exec, compose } = project
  // Just as a person finds them.
  const told = await compose('logs', '--no-color', '--no-log-prefix', 'secrets')
  const token = /\/callbacks\/separation\/(\S+)/.exec(told)?.[1] ?? ''
  const [, username = '', password = ''] = /user (\S+), password (\S+)/.exec(told) ?? []

  let ingressUrl = await project.url('ingress', 3000)
  const manifest = async (taskId: string) => {
    const text = await exec('board', 'cat', `${STEMS}/${taskId}/manifest.json`).catch(() => undefined)
    return text === undefined ? undefined : manifestSchema.parse(JSON.parse(text))
  }
  return {
    project,
    token,
    board: { url: await project.url('board', 3001), username, password },
    post: async (body, path = `/callbacks/separation/${token}`) => {
      const init = { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }
      const response = await fetch(ingressUrl + path, init).catch(async () => {
        ingressUrl = await project.url('ingress', 3000) // a container that starts again gets another port
        return fetch(ingressUrl + path, init)
      })
      return { status: response.status, body: (await response.json()) as { status?: unknown } }
    },
    finished: (taskId, withinMs = 30_000) =>
      waitFor(`the manifest of ${taskId}`, () => manifest(taskId), { withinMs, everyMs: 250 }),
    savedFiles: async (taskId) => {
      // What is being written gets its name when it is whole: it may be gone by then.
      const sum = 'for file in *; do case $file in *.part) ;; *) sha256sum "$file" ;; esac; done'
      const lines = (await exec('board', 'sh', '-c', `cd ${STEMS}/${taskId} && ${sum}`)).trim().split('\n')
      return Object.fromEntries(lines.map((line) => line.split(/\s+/).reverse()))
    },
    hits: async (links) => {
      const paths = links.map(pathOf)
      const query = new URLSearchParams(paths.map((path) => ['path', path] as [string, string]))
      const ask = `fetch('http://127.0.0.1:8081/?${query}').then((r) => r.text()).then(console.log)`
      const counts: Record<string, number> = JSON.parse(await exec('far-side', 'node', '-e', ask))
      return paths.map((path) => counts[path] ?? 0)
    },
  }
}

/** The sha256 of what the far side serves for a link. */
export const sha256Of = (link: string): string => {
  const { pathname, searchParams } = new URL(link)
  const file = mp3For(decodeURI(pathname), Number(searchParams.get('bytes') ?? 0))
  return createHash('sha256').update(file).digest('hex')
}

const pathOf = (link: string): string => decodeURI(link.slice(FILES.length))
