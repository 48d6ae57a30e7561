// npm run sbom: writes sbom.cdx.json, the bill of materials of the image.
import { writeFileSync } from 'node:fs'
import { createSbom } from './sbom.ts'

const FILE = 'sbom.cdx.json'

try {
  const sbom = createSbom(process.cwd())
  writeFileSync(FILE, `${JSON.stringify(sbom, null, 2)}\n`)
  console.log(`${FILE}: CycloneDX ${sbom.specVersion}, ${sbom.components.length} components`)
} catch (error) {
  process.stderr.write(`${(error as Error).message}\n`)
  process.exitCode = 1
}
