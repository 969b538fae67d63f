"""Three rooms: `finders` scores suggested rates, `rule` how ours was made, `package` measures the rest."""
