import { registerHooks } from 'node:module'

// For `--import`: tells on standard error of every module of a tracing library that is loaded, by `import` or `require`.
registerHooks({
  load: (url, context, next) => {
    const [, name] = /\/node_modules\/(@opentelemetry\/[^/]+|bullmq-otel)\//.exec(url) ?? []
    if (name) process.stderr.write(`loaded ${name}\n`)
    return next(url, context)
  },
})
