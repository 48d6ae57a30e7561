import { foreignEntries, isInImage, nameOf } from './lock-file.ts'
import type { InstalledPackage, Offence, Project } from './project.ts'

const ALLOWED = new Set([
  '0BSD',
  'Apache-2.0',
  'BSD-2-Clause',
  'BSD-3-Clause',
  'BlueOak-1.0.0',
  'CC0-1.0',
  'ISC',
  'MIT',
  'Unlicense',
])
// Their conditions begin where one passes the files on, and these stay on the machines of those who develop.
const ALLOWED_FOR_DEVELOPMENT = new Set(['MPL-2.0'])

/** Licences that nobody has agreed to. What is installed says it of itself; of other platforms' packages the lock file does. */
export const licenceOffences = ({ lock, installed }: Project): Offence[] =>
  foreignEntries(lock).flatMap(([folder, entry]) => {
    const found = installed.get(folder)
    const licence = found ? licenceOf(found) : entry.license
    const forImage = isInImage(folder, entry)
    const isAllowed = (id: string) => ALLOWED.has(id) || (!forImage && ALLOWED_FOR_DEVELOPMENT.has(id))
    if (licence !== undefined && isSatisfied(licence, isAllowed)) return []
    return [
      {
        package: nameOf(folder),
        problem: `${licence ? `has the licence ${licence}` : 'names no licence'}${forImage ? ', and is in the image' : ''}`,
        remedy: 'read its terms; then allow it in scripts/supply-chain/licences.ts, or do without the package',
      },
    ]
  })

const licenceOf = ({ license, licenses }: InstalledPackage): string | undefined => {
  const given = [license ?? licenses ?? []].flat()
  const ids = given.map((one) => (typeof one === 'string' ? one : (one as { type?: unknown } | null)?.type))
  return ids.length > 0 ? ids.map(String).join(' OR ') : undefined
}

/** SPDX expressions without inner parentheses; all others have to be looked at by a person. https://spdx.dev/ids */
const isSatisfied = (expression: string, isAllowed: (id: string) => boolean): boolean =>
  expression
    .replace(/^\((.*)\)$/, '$1')
    .split(' OR ')
    .some((choice) => choice.split(' AND ').every(isAllowed))
