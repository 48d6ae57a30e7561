import { randomBytes } from 'node:crypto'

/**
 * Makes up a password and tells it, once, to the person who starts the board.
 *
 * @param user who logs in with it
 * @param print takes the line; not the log, which is kept and sent around
 */
export const announceRandomPassword = (user: string, print: (line: string) => void): string => {
  const password = randomBytes(18).toString('base64url')
  print(`Board login: user ${user}, password ${password} (until the next start; set BOARD_PASSWORD to keep one)\n`)
  return password
}
