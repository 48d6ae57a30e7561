// npm run bench: measures the real processes beside others that do the same work; see USAGE.
import { readArguments } from './arguments.ts'
import { measureAll } from './measure-all.ts'
import { drawPlots } from './plots.ts'
import { loadIngress } from './yours/load-ingress.ts'

const main = async (args: string[]): Promise<boolean> => {
  const wish = readArguments(args)
  if (wish.what === 'help') console.log(wish.text)
  else if (wish.what === 'plots') await drawPlots()
  else if (wish.what === 'ingress') await loadIngress(wish)
  else return await measureAll(wish)
  return true
}

main(process.argv.slice(2)).then(
  (isWell) => process.exit(isWell ? 0 : 1),
  (error: Error) => {
    process.stderr.write(`${error.message}\n`)
    process.exit(1)
  },
)
