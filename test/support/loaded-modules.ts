import { registerHooks } from 'node:module'

// For `--import`: tells on standard error of every package of which a module is loaded, by `import` or `require`.
const told = new Set<string>()
registerHooks({
  load: (url, context, next) => {
    const [, name] = /.*\/node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(url) ?? []
    if (name && !told.has(name)) process.stderr.write(`loaded ${name}\n`)
    if (name) told.add(name)
    return next(url, context)
  },
})
