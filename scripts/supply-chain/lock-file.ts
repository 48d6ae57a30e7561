import { z } from 'zod'

const dependenciesSchema = z.record(z.string(), z.string()).default({})

const lockEntrySchema = z.object({
  /** Only where it differs from the folder's: an alias. */
  name: z.string().optional(),
  version: z.string().optional(),
  resolved: z.string().optional(),
  integrity: z.string().optional(),
  license: z.string().optional(),
  link: z.boolean().default(false),
  /** Needed for development alone; `devOptional`: there, and by something that can do without it. */
  dev: z.boolean().default(false),
  optional: z.boolean().default(false),
  hasInstallScript: z.boolean().default(false),
  os: z.array(z.string()).optional(),
  dependencies: dependenciesSchema,
  devDependencies: dependenciesSchema,
  peerDependencies: dependenciesSchema,
})

/** One folder of the installed tree, as package-lock.json describes it. */
export type LockEntry = z.infer<typeof lockEntrySchema>

/** What we read of package-lock.json; https://docs.npmjs.com/cli/v11/configuring-npm/package-lock-json */
export const lockFileSchema = z.object({
  lockfileVersion: z.number(),
  packages: z.record(z.string(), lockEntrySchema),
})

export type LockFile = z.infer<typeof lockFileSchema>

/** The packages that come from a registry, by their folder; neither the project itself nor its workspaces. */
export const foreignEntries = ({ packages }: LockFile): Array<[folder: string, entry: LockEntry]> =>
  Object.entries(packages).filter(([folder, { link }]) => folder.includes('node_modules/') && !link)

/** The name of the package in a folder, such as `@fastify/static` for `node_modules/@fastify/static`. */
export const nameOf = (folder: string): string => folder.slice(folder.lastIndexOf('node_modules/') + 13)

// The Dockerfile deletes it: npm keeps it as a peer that one package can do without.
const REMOVED_FROM_IMAGE = /^(typescript$|@typescript\/)/

/** Whether a package gets into the image: what `npm ci --omit=dev` installs on Linux, less what the Dockerfile deletes. */
export const isInImage = (folder: string, { dev, os }: LockEntry): boolean =>
  !dev && !REMOVED_FROM_IMAGE.test(nameOf(folder)) && (os === undefined || os.includes('linux'))
