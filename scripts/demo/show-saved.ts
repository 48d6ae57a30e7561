import type { Manifest } from '@stems/domain/manifest'
import Table from 'cli-table3'

/**
 * Shows what was saved of a separation.
 *
 * @param served the sha256 of what the far side serves under a link's public form
 * @param folder of the store
 * @returns whether every stem is what the far side served, or was not to be had
 */
export const showSaved = (manifest: Manifest, served: (link: string) => string, folder: string): boolean => {
  const { task_id, status, type, code, msg, stems } = manifest
  let allTrue = true
  console.log(`\n${task_id}: ${status} (${type}, code ${code}${msg && `: ${msg}`})\n${folder}/${task_id}/`)
  const table = new Table({ head: ['stem', 'file', 'bytes', 'sha256', 'as served'], style: { head: [], border: [] } })
  for (const [stem, outcome] of Object.entries(stems)) {
    if (outcome.status !== 'saved') {
      table.push([stem, `– ${outcome.status}`, '', outcome.status === 'failed' ? outcome.error.message : '', ''])
      continue
    }
    const same = served(outcome.source_url) === outcome.sha256
    allTrue &&= same
    const bytes = { content: `${outcome.bytes}`, hAlign: 'right' } as const
    table.push([stem, outcome.file, bytes, outcome.sha256, same ? 'yes' : 'NO'])
  }
  console.log(
    Object.keys(stems).length > 0 ? table.toString() : '  no stems: the provider said that the separation failed',
  )
  return allTrue
}
