import { join } from 'node:path'
import type { App } from './app.ts'

/** What an app is told besides, so that it tells which packages it loads. */
export const TELLS_LOADED = { NODE_OPTIONS: `--import ${join(import.meta.dirname, 'loaded-modules.ts')}` }

/** The packages that an app has loaded so far, in all of its threads. */
export const loadedBy = (app: Pick<App, 'output'>): string[] => [...new Set(app.output().match(/(?<=^loaded )\S+$/gm))]
