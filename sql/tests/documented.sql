-- docs/determinism.md says what the library does.
\! $HERE/documented $DOCUMENTED
