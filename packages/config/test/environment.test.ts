import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, onTestFinished, test } from 'vitest'
import { z } from 'zod'
import { ConfigError, readEnvironment } from '../src/environment.ts'
import { integer, list } from '../src/variables.ts'

const schema = z.object({ SECRET: z.string(), PORT: integer({ min: 1, max: 9 }).default(3), KEYS: list() })

const problemsOf = (env: NodeJS.ProcessEnv): string[] => {
  try {
    readEnvironment(schema, env)
  } catch (error) {
    if (error instanceof ConfigError) return error.problems
    throw error
  }
  return []
}

const fileWith = async (text: string) => {
  const directory = await mkdtemp(join(tmpdir(), 'stemkeeper-config-'))
  onTestFinished(() => rm(directory, { recursive: true, force: true }))
  await writeFile(join(directory, 'secret'), text)
  return join(directory, 'secret')
}

test('what is not set takes its default, and unknown variables are left alone', () => {
  expect(readEnvironment(schema, { SECRET: 's', HOME: '/root' })).toEqual({ SECRET: 's', PORT: 3, KEYS: [] })
})

test('an empty variable counts as not set', () => {
  expect(readEnvironment(schema, { SECRET: 's', PORT: '', KEYS: '' })).toMatchObject({ PORT: 3, KEYS: [] })
  expect(problemsOf({ SECRET: '' })).toHaveLength(1)
})

test('every problem is reported at once, each with its variable', () => {
  const problems = problemsOf({ PORT: 'a-port', KEYS: 'one', KEYS_FILE: '/no/such/file' })
  expect(problems.map((problem) => problem.split(':')[0]).sort()).toEqual(['KEYS', 'PORT', 'SECRET'])
  expect(problems.join('\n')).toContain('PORT: must be a whole number from 1 to 9')
})

test('the message of the error has one line per problem', () => {
  expect(() => readEnvironment(schema, { PORT: '0' })).toThrow(/^SECRET: .*\nPORT: .*$/)
})

test('a value never stands in a message', () => {
  const problems = problemsOf({ PORT: 'hunter2', SECRET: 'hunter2', SECRET_FILE: '/no/file', KEYS_FILE: '/no/file' })
  expect(problems.length).toBeGreaterThan(2)
  expect(problems.join('\n')).not.toContain('hunter2')
})

test('NAME_FILE names a file that holds the value, the line break at its end left off', async () => {
  expect(readEnvironment(schema, { SECRET_FILE: await fileWith('from the file\n') }).SECRET).toBe('from the file')
})

test('a value out of a file is checked like any other, and not repeated', async () => {
  const problems = problemsOf({ SECRET: 's', PORT_FILE: await fileWith('hunter2\n') })
  expect(problems).toEqual(['PORT: must be a whole number from 1 to 9'])
})

test('an empty NAME_FILE counts as not set', () => {
  expect(readEnvironment(schema, { SECRET: 's', SECRET_FILE: '' }).SECRET).toBe('s')
})

test('a variable that is set both ways is a problem', async () => {
  expect(problemsOf({ SECRET: 's', SECRET_FILE: await fileWith('s') })).toEqual([
    expect.stringMatching(/^SECRET: is set both .*SECRET_FILE/),
  ])
})

test.each(['', '\n', '  \n\n'])('a file with nothing but %j in it is a problem', async (text) => {
  const file = await fileWith(text)
  expect(problemsOf({ SECRET: 's', KEYS_FILE: file })).toEqual([`KEYS_FILE: ${file} is empty`])
})

test.each([
  ['is not there', '/no/such/file', 'ENOENT'],
  ['is a directory', '/', 'EISDIR'],
])('a file that %s is a problem that says so', (_what, file, code) => {
  expect(problemsOf({ SECRET: 's', KEYS_FILE: file })).toEqual([`KEYS_FILE: ${file} cannot be read (${code})`])
})

const run = (code: string) =>
  promisify(execFile)(process.execPath, ['--input-type=module', '-e', code], {
    cwd: import.meta.dirname,
    env: { PATH: process.env.PATH },
  }).then(
    ({ stdout, stderr }) => ({ code: 0, stdout, stderr }),
    ({ code, stdout, stderr }) => ({ code, stdout, stderr }),
  )

test('a configuration error ends the process with code 1 and one line per problem', async () => {
  const ended = await run(`
    import { ConfigError, configOrExit } from '@stems/config/environment'
    configOrExit(() => { throw new ConfigError(['ONE: is wrong', 'TWO: is wrong too']) })
    console.log('went on')`)
  expect(ended).toEqual({
    code: 1,
    stdout: '',
    stderr: 'configuration: ONE: is wrong\nconfiguration: TWO: is wrong too\n',
  })
})

test('another error while reading the configuration is not dressed up as one', async () => {
  const ended = await run(`
    import { configOrExit } from '@stems/config/environment'
    configOrExit(() => { throw new TypeError('a bug') })`)
  expect(ended.code).not.toBe(0)
  expect(ended.stderr).toContain('TypeError: a bug')
})
