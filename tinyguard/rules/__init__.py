"""One file a rule; `tinyguard.rule.catalogue` finds them by walking this package."""
