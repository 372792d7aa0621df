package admin

// Routes are the operations by "METHOD /path", and their names.
func Routes() map[string]string {
	routes := make(map[string]string)
	for _, op := range operations() {
		routes[op.method+" "+op.path] = op.name
	}
	return routes
}

// Queries are the query parameters of the operations, by name.
func Queries() map[string][]string {
	queries := make(map[string][]string)
	for _, op := range operations() {
		queries[op.name] = op.query
	}
	return queries
}
