import { readFile } from 'node:fs/promises'

/** The command by which docs/redis.md gives Stemkeeper a user of its own, with a password put in. */
export const documentedRights = async (password: string): Promise<[command: string, ...args: string[]]> => {
  const text = await readFile(new URL('../../docs/redis.md', import.meta.url), 'utf8')
  const [line] = /^ACL SETUSER stemkeeper .*$/m.exec(text) ?? []
  if (line === undefined) throw new Error('docs/redis.md has no line that begins with ACL SETUSER stemkeeper')
  const [command = '', ...args] = line.replace('YOUR-PASSWORD', password).split(' ')
  return [command, ...args]
}
