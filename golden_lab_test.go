package universallogout

// goldenSeparator stands in golden files between a Caddyfile and what becomes of it.
const goldenSeparator = "\n----------\n"
