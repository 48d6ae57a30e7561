/** The scripts that pages load, as they stand in them. */
export const OUR_SCRIPTS = /<script type="module" src="\/assets\/[a-z-]+\.js"><\/script>/g
