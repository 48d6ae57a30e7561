const INDENT = '  '

/**
 * JSON for people, a value a line. It ends at a number of characters, and costs no more than those: strangers wrote it, and
 * the indents of what is nested a thousand times make megabytes.
 *
 * @returns the text, and whether all of the value is in it
 */
export const payloadText = (payload: unknown, most: number): { text: string; isWhole: boolean } => {
  let text = ''
  let isWhole = true

  const add = (more: string): void => {
    isWhole &&= text.length + more.length <= most
    text = (text + more).slice(0, most)
  }
  const write = (value: unknown, indent: string): void => {
    if (Array.isArray(value)) {
      const items = value.map((item) => () => write(item, indent + INDENT))
      writeItems('[', items, ']', indent)
    } else if (typeof value === 'object' && value !== null) {
      const items = Object.entries(value).map(([name, item]) => () => {
        add(`${JSON.stringify(name)}: `)
        write(item, indent + INDENT)
      })
      writeItems('{', items, '}', indent)
    } else {
      add(JSON.stringify(value))
    }
  }
  const writeItems = (open: string, items: Array<() => void>, close: string, indent: string): void => {
    add(open)
    for (const [index, writeItem] of items.entries()) {
      if (!isWhole) return
      add(`${index === 0 ? '' : ','}\n${indent}${INDENT}`)
      writeItem()
    }
    add(items.length === 0 ? close : `\n${indent}${close}`)
  }

  write(payload, '')
  return { text, isWhole }
}
