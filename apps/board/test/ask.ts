import { request } from 'node:http'

export type Answer = {
  status: number | undefined
  headers: NodeJS.Dict<string | string[]>
  body: string
}

/** Asks for a path as it stands, without the tidying up that fetch does to paths and headers. */
export const ask = (
  origin: string,
  path: string,
  {
    method = 'GET',
    headers = {},
    body = '',
  }: { method?: string; headers?: Record<string, string>; body?: string } = {},
): Promise<Answer> =>
  new Promise((resolve, reject) => {
    const { hostname, port } = new URL(origin)
    request({ hostname, port, path, method, headers }, (response) => {
      let text = ''
      response.setEncoding('utf8')
      response.on('data', (more: string) => {
        text += more
      })
      response.on('end', () => resolve({ status: response.statusCode, headers: response.headers, body: text }))
    })
      .on('error', reject)
      .end(body)
  })
