import { type Manifest, manifestSchema } from '@stems/domain/manifest'

/** The manifest as it lies in a store: JSON for people. */
export const printManifest = (manifest: Manifest): string => `${JSON.stringify(manifest, null, 2)}\n`

/**
 * Reads a manifest.
 *
 * @returns `undefined` for what is none: somebody's broken edit must not keep a separation from being driven again
 */
export const parseManifest = (text: string): Manifest | undefined => {
  try {
    return manifestSchema.parse(JSON.parse(text))
  } catch {
    return undefined
  }
}
