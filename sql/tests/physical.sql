-- The same rows in another physical order: results and what is stored must be the same.
\! $HERE/physical $HERE/physical.queries
