// npm run check:supply: looks at what we install, where it comes from and what it may do. Asks nobody on the network.
import { supplyChainOffences } from './supply-chain/offences.ts'

try {
  const offences = supplyChainOffences(process.cwd())
  for (const { package: name, problem, remedy } of offences) {
    process.stderr.write(`${name} ${problem}.\n    ${remedy}.\n`)
  }
  if (offences.length > 0) process.exitCode = 1
  else console.log('The supply chain is in order.')
} catch (error) {
  process.stderr.write(`${(error as Error).message}\n`)
  process.exitCode = 1
}
