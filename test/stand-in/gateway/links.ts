import { createHmac, randomBytes } from 'node:crypto'
import type { Clock } from './clock.ts'

/** Makes links that hold their own end, and judges those that come back. */
export const createLinks = (filesUrl: () => string, clock: Clock) => {
  const key = randomBytes(16)
  const sign = (path: string, expires: string) =>
    createHmac('sha256', key).update(`${path}.${expires}`).digest('hex').slice(0, 32)

  return {
    /** @param path as it is, spaces and all: the provider does not encode them either */
    make: (path: string, until: number): string => {
      const expires = `${Math.floor(until / 1000)}`
      return `${filesUrl()}${path}?expires=${expires}&signature=${sign(path, expires)}`
    },
    judge: ({ pathname, searchParams }: URL): 'good' | 'expired' | 'forged' => {
      const expires = searchParams.get('expires') ?? ''
      if (searchParams.get('signature') !== sign(decodeURIComponent(pathname), expires)) return 'forged'
      return Number(expires) * 1000 > clock.now() ? 'good' : 'expired'
    },
  }
}

export type Links = ReturnType<typeof createLinks>
