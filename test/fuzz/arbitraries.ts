import fc from 'fast-check'

/** Half of a surrogate pair: a string in JavaScript and in JSON, and no text in any encoding. */
const loneSurrogate = fc.integer({ min: 0xd800, max: 0xdfff }).map((unit) => String.fromCharCode(unit))

const control = fc.integer({ min: 0, max: 0x1f }).map((unit) => String.fromCharCode(unit))

/** Names that mean something to JavaScript, to disks, to Redis or to us. */
export const loadedWord = fc.constantFrom(
  ...['__proto__', 'constructor', 'prototype', 'toString', 'valueOf', 'hasOwnProperty', '__defineGetter__', 'then'],
  ...['', '.', '..', '../../etc/passwd', '..\\..\\x', '/etc/passwd', '~', 'C:\\x', 'con', 'NUL', 'a/b', 'a\0b', '\n'],
  ...['.parts', '.open', '.task', 'manifest', 'manifest.json', 'x.part', 'vocal.mp3', '-rf', '*', '$(id)', '`id`'],
  ...[
    'vocal',
    'Vocal',
    'VOCAL',
    'vocals',
    'vocal_2',
    'vocal_removed',
    'drums',
    'stem',
    'stem_2',
    'Lead Vocal',
    '0',
    '1',
  ],
  ...[
    'caf\u00e9',
    'cafe\u0301',
    '人声',
    '鼓',
    '\ud800',
    '\udfff',
    'ﬁ',
    'İ',
    '\u212a',
    'ß',
    '\u202elacov',
    '\ufeff',
    '🥁',
  ],
  ...['sep_x.1.vocal', 'a:b', 'a:b:c', '{x}', 'NaN', 'null', 'undefined', '%2e%2e%2f', '%00', "'; DROP", '<script>'],
)

const hugeText = fc
  .tuple(
    fc.constantFrom('a', 'é', '😀', '_', '../', 'a.', '\0', ' ', '://', '%', '\ud800'),
    fc.integer({ min: 65, max: 3000 }),
  )
  .map(([piece, times]) => piece.repeat(times))

/** Any string that JSON can carry, with a liking for those that hurt. */
export const text: fc.Arbitrary<string> = fc.oneof(
  { weight: 5, arbitrary: loadedWord },
  { weight: 3, arbitrary: fc.string({ unit: 'binary', maxLength: 12 }) },
  { weight: 3, arbitrary: fc.string({ unit: 'grapheme', maxLength: 12 }) },
  {
    weight: 3,
    arbitrary: fc.string({ unit: fc.oneof(loneSurrogate, control, fc.constantFrom('a', '.', '/')), maxLength: 6 }),
  },
  { weight: 1, arbitrary: hugeText },
)

/** A name of a stem as a payload may give it. */
export const stemWord: fc.Arbitrary<string> = fc.oneof(
  text,
  fc.stringMatching(/^[a-z0-9][a-z0-9_-]{0,70}$/),
  fc.stringMatching(/^[a-z]{1,4}-[0-9a-f]{8}$/),
)

/** A task id as it may be. */
export const taskId = fc.stringMatching(/^[A-Za-z0-9_-]{1,128}$/)

const host = fc.oneof(
  fc.constantFrom(
    'file.aiquickdraw.com',
    'tempfile.aiquickdraw.com',
    'cdn1.suno.ai',
    'h',
    '127.0.0.1',
    '[::1]',
    'é.example',
  ),
  fc.domain(),
)

const pathPiece = fc.oneof(
  fc.constantFrom(
    's',
    'a b',
    "it's",
    'é',
    '%20',
    '%',
    '..',
    ';k=v',
    '@',
    ':',
    'x|y',
    '(1)',
    '',
    '*',
    '!',
    '$',
    '{}',
    '😀',
  ),
  fc.stringMatching(/^[A-Za-z0-9._~-]{1,12}$/),
)

/** A link with all that a link may have. Secrets are made of one word, so that it can be looked for. */
export const linkWithSecret = (secret: string): fc.Arbitrary<string> =>
  fc
    .record({
      scheme: fc.constantFrom('https', 'http', 'HTTPS', 'ftp', 'redis', 'rediss', 'foo+bar.x-1'),
      user: fc.constantFrom('', `${secret}@`, `me:${secret}@`, `:${secret}@`, `${secret}:@`, `a@${secret}:b@`),
      host,
      port: fc.constantFrom('', ':443', ':8443', ':0', ':65535'),
      path: fc.array(pathPiece, { maxLength: 4 }).map((pieces) => pieces.map((piece) => `/${piece}`).join('')),
      query: fc.constantFrom(
        '',
        '?',
        `?k=${secret}`,
        `?${secret}`,
        `?a=b&k=${secret}#`,
        `?u=https://a:${secret}@b/?${secret}`,
      ),
      fragment: fc.constantFrom('', '#', `#${secret}`, `#?${secret}`),
    })
    .map((part) => `${part.scheme}://${part.user}${part.host}${part.port}${part.path}${part.query}${part.fragment}`)

/** A link as a payload may give it: mostly one that can be read. */
export const link: fc.Arbitrary<string> = fc.oneof(
  { weight: 6, arbitrary: linkWithSecret('hunter2') },
  { weight: 1, arbitrary: fc.webUrl({ withQueryParameters: true, withFragments: true }) },
  {
    weight: 2,
    arbitrary: fc.constantFrom(
      ...[
        '',
        ' ',
        '  https://h/x  ',
        'https://h/Lead Vocal.mp3',
        'not a link',
        '//h/x',
        'https:',
        'https://',
        'https:h/x',
      ],
      ...[
        'javascript:alert(1)',
        'data:text/plain,x?y',
        'file:///etc/passwd',
        'mailto:a@b?c=d',
        'note: why? because',
        'x:',
      ],
      ...[
        'https://h/x?sealed=AAAA',
        'https://h:99999/x',
        'https://[::1',
        'blob:https://h/x?y',
        'https:\\\\h\\x',
        'ws://h/',
      ],
    ),
  },
)

/** An object with exactly these properties of its own, `__proto__` too, as `JSON.parse` makes them. */
export const own = (entries: readonly (readonly [string, unknown])[]): Record<string, unknown> => {
  const made: Record<string, unknown> = {}
  for (const [name, value] of entries) {
    Object.defineProperty(made, name, { value, enumerable: true, configurable: true, writable: true })
  }
  return made
}

/** Any value of JSON. */
export const json: fc.Arbitrary<unknown> = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 4, depthSize: 'small' },
    fc.oneof(
      text,
      link,
      fc.integer(),
      fc.double().map((n) => (Number.isFinite(n) ? n : 0)),
      fc.boolean(),
      fc.constant(null),
    ),
    fc.array(tie('value'), { maxLength: 4 }),
    fc.array(fc.tuple(text, tie('value')), { maxLength: 4 }).map(own),
  ),
})).value
