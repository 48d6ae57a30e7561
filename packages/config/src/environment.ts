import { readFileSync } from 'node:fs'
import type { z } from 'zod'

/** The environment does not make a configuration. One line per problem; no value of a variable is repeated. */
export class ConfigError extends Error {
  readonly problems: string[]

  constructor(problems: string[]) {
    super(problems.join('\n'))
    this.name = 'ConfigError'
    this.problems = problems
  }
}

/**
 * Reads an app's configuration. An empty variable counts as not set; `NAME_FILE` names a file that holds the value.
 *
 * @param schema an object schema whose keys are the variables' names
 * @param env usually `process.env`
 * @param contradictions problems that no variable has by itself; gets the values as they were given
 * @throws {ConfigError} with every problem at once
 */
export const readEnvironment = <Shape extends z.ZodRawShape>(
  schema: z.ZodObject<Shape>,
  env: NodeJS.ProcessEnv,
  contradictions: (values: Partial<Record<keyof Shape, string>>) => string[] = () => [],
): z.output<z.ZodObject<Shape>> => {
  const problems: string[] = []
  const values: Record<string, string> = {}
  for (const name of Object.keys(schema.shape)) {
    const value = readVariable(name, env, problems)
    if (value !== undefined) values[name] = value
  }
  problems.push(...contradictions(values as Partial<Record<keyof Shape, string>>))
  const parsed = schema.safeParse(values)
  if (!parsed.success) problems.push(...parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`))
  if (problems.length > 0 || !parsed.success) throw new ConfigError(problems)
  return parsed.data
}

/**
 * Runs what builds a configuration; a {@link ConfigError} ends the process with code 1 and a line per problem.
 *
 * @param read builds the configuration
 */
export const configOrExit = <Config>(read: () => Config): Config => {
  try {
    return read()
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    for (const problem of error.problems) process.stderr.write(`configuration: ${problem}\n`)
    process.exit(1)
  }
}

const readVariable = (name: string, env: NodeJS.ProcessEnv, problems: string[]): string | undefined => {
  const value = env[name]
  const file = env[`${name}_FILE`]
  if (value && file) problems.push(`${name}: is set both directly and by ${name}_FILE; keep one of them`)
  if (value || !file) return value || undefined
  try {
    const text = readFileSync(file, 'utf8').trim()
    if (text === '') problems.push(`${name}_FILE: ${file} is empty`)
    return text || undefined
  } catch (error) {
    problems.push(`${name}_FILE: ${file} cannot be read (${(error as NodeJS.ErrnoException).code})`)
    return undefined
  }
}
