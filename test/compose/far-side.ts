// The provider's file server inside Compose. The workers reach the files; how often each was asked for is told on the
// container's own loopback only.
import { createServer } from 'node:http'
import { startStandInProvider } from '../stand-in/provider.ts'

const FILES_PORT = 8080
const HITS_PORT = 8081
const BYTES_PER_SECOND = 400_000 // slow enough for all workers to get their share

const provider = await startStandInProvider({ host: '0.0.0.0', port: FILES_PORT, bytesPerSecond: BYTES_PER_SECOND })

// GET /?path=/a.mp3&path=/b.mp3 → {"/a.mp3":1,"/b.mp3":0}
const hits = createServer((request, response) => {
  const paths = new URL(request.url ?? '/', 'http://far-side').searchParams.getAll('path')
  response.end(JSON.stringify(Object.fromEntries(paths.map((path) => [path, provider.hits(path)]))))
})
hits.listen(HITS_PORT, '127.0.0.1')

for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => process.exit(0))
